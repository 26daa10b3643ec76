/** The PciDevice interface on real devices, by every way to reach them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccessPath, bindFor, restore } from '../harness/binding.ts';
import { deviceProgram } from '../harness/device-program.ts';
import type { Guest } from '../harness/guest.ts';
import { NIC_MODELS, type Nic, nicAddress, nicMac } from '../harness/nics.ts';
import { INTEL, LEFT, LEGACY, MODERN, NICS } from '../machines.ts';

const ADDRESSES = NICS.map(nicAddress);
const E1000E = nicAddress(LEFT);
const macBytes = (nic: Nic): Buffer => Buffer.from(nicMac(nic).replaceAll(':', ''), 'hex');

export function testDevices(guest: () => Guest, path: AccessPath): void {
  describe('real devices', () => {
    it('are refused while a kernel driver has them', async () => {
      const refusals = await guest().script(
        deviceProgram(
          path,
          `print(${JSON.stringify(ADDRESSES)}.map((address) => {
            try { return open(address).address; } catch (error) { return [error.code, error.message]; }
          }));`,
        ),
      );
      expect(refusals).toEqual(
        NICS.map((nic) => [
          'ERR_DEVICE_BUSY',
          expect.stringMatching(`^${nicAddress(nic)} is bound to ${NIC_MODELS[nic.model].kernelDriver}.*eth\\d`),
        ]),
      );
      expect((await guest().output('ls -d /sys/class/net/eth*')).split('\n')).toHaveLength(NICS.length);
    });

    describe('without a kernel driver', () => {
      let kernelStatus = 0;
      beforeAll(async () => {
        const registers = await guest().output(`ethtool -d $(ls /sys/bus/pci/devices/${E1000E}/net)`);
        kernelStatus = Number(/STATUS .*(0x[0-9A-Fa-f]{8})/.exec(registers)?.[1]);
        await bindFor(guest(), path, ...ADDRESSES);
      });
      afterAll(() => restore(guest(), ...ADDRESSES));

      it('have a configuration space and a bus master bit that others see', async () => {
        const seen = await guest().script(
          deviceProgram(
            path,
            `print(${JSON.stringify(ADDRESSES)}.map((address) => {
              const device = open(address);
              const ids = [device.vendorId, device.deviceId, device.config.read16(0), device.config.read16(2)];
              const subsystem = device.config.read32(0x2c) === setpci(address, '2c.L');
              const master = [false, true, false, true].map((on) => {
                device.setBusMaster(on);
                return isMaster(address);
              });
              device.close();
              return { ids, subsystem, master, closed: isMaster(address) };
            }));`,
          ),
        );
        expect(seen).toEqual(
          NICS.map(({ model }) => {
            const { vendorId, deviceId } = NIC_MODELS[model];
            const ids = [vendorId, deviceId, vendorId, deviceId];
            return { ids, subsystem: true, master: [false, true, false, true], closed: false };
          }),
        );
      });

      it.each(INTEL)('$model: its registers hold the address that its kernel driver had', async (nic) => {
        // Receive address 0 (82574 datasheet 3.4, section 10.2.5.22; the 82576 has it at the same place).
        const found = await guest().script(
          deviceProgram(
            path,
            `const device = open('${nicAddress(nic)}');
            const [low, high] = [0x5400, 0x5404].map((offset) => device.bar(0).read32(offset));
            print({ sizes: [0, 1].map((index) => device.bar(index).size), low, high: high & 0xffff });
            device.close();`,
          ),
        );
        expect(found).toEqual({
          sizes: [0x2_0000, 0x2_0000],
          low: macBytes(nic).readUInt32LE(0),
          high: macBytes(nic).readUInt16LE(4),
        });
      });

      it('the 82574 has the status that its kernel driver saw', async () => {
        // Section 10.2.2.2. Bit 1 is the link, which comes and goes.
        const program = `const device = open('${E1000E}'); print(device.bar(0).read32(8) & ~2); device.close();`;
        expect(await guest().script(deviceProgram(path, program))).toBe(kernelStatus & ~2);
      });

      it('virtio’s structures are found in memory by its capabilities, and a legacy one’s in I/O ports', async () => {
        // The MAC address begins the structure of type 4 (virtio 1.2, sections 4.1.4 and 5.1.4); of a legacy device without
        // MSI-X it lies at port 20 (section 4.1.4.9).
        const found = await guest().script(
          deviceProgram(
            path,
            `const bytes = (bar, offset) => [0, 1, 2, 3, 4, 5].map((index) => bar.read8(offset + index));
            const modern = open('${nicAddress(MODERN)}');
            const { config } = modern;
            let at = config.read8(0x34);
            while (at !== 0 && !(config.read8(at) === 9 && config.read8(at + 3) === 4)) at = config.read8(at + 1);
            const legacy = open('${nicAddress(LEGACY)}');
            print([bytes(modern.bar(config.read8(at + 4)), config.read32(at + 8)), bytes(legacy.bar(0), 20)]);
            modern.close();
            legacy.close();`,
          ),
        );
        expect(found).toEqual([[...macBytes(MODERN)], [...macBytes(LEGACY)]]);
      });

      it.each(INTEL)(`$model: interrupts: ${path.interrupts ?? 'none'}`, async (nic) => {
        const seen = await guest().script(
          deviceProgram(
            path,
            `const device = open('${nicAddress(nic)}');
            const kind = device.interrupts?.kind ?? null;
            const seen = { kind };
            if (kind) {
              const vector = kind === 'msix' ? 2 : 0;
              const interrupt = device.interrupts.enable(vector + 1)[vector];
              device.setBusMaster(true); // messages are DMA
              const source = ${nic.model}Interrupt(device, vector);
              seen.early = interrupt.wait(0);
              source.raise();
              seen.waited = interrupt.wait(5000);
              source.withdraw();
              interrupt.unmask();
              seen.again = interrupt.wait(0);
              let handled = 0;
              interrupt.handle(() => { handled++; });
              source.raise();
              seen.handled = await until(() => handled > 0);
              source.withdraw();
            }
            print(seen);
            device.close();`,
          ),
        );
        const fired = { early: false, waited: true, again: false, handled: true };
        expect(seen).toEqual(path.interrupts ? { kind: path.interrupts, ...fired } : { kind: null });
      });
    });
  });
}
