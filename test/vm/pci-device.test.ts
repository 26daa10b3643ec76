/** Real PCI devices through sysfs: not bound at all, and bound to uio_pci_generic. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_PATHS, bindFor, restore } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { built } from './harness/guest.ts';
import { NIC_MODELS, type Nic, nicAddress, nicMac } from './harness/nics.ts';

const NICS = [
  { model: 'e1000e', slot: 4 },
  { model: 'virtio-modern', slot: 5 },
  { model: 'virtio-legacy', slot: 6 },
  { model: 'virtio-transitional', slot: 7 },
] as const satisfies readonly Nic[];
const [E1000E, VIRTIO] = NICS;

/** A program that has `openPciDevice`, and sees the command register as another program does. */
const program = (rest: string): string => `
  import { execFileSync } from 'node:child_process';
  import { openPciDevice } from ${built('pci/open-pci-device.js')};
  const setpci = (address, what) => parseInt(execFileSync('setpci', ['-s', address, what], { encoding: 'utf8' }), 16);
  const print = (value) => console.log(JSON.stringify(value));
  ${rest}
`;

describeGuest('devices through sysfs', { nics: NICS }, (guest) => {
  it('are refused while a kernel driver has them, which goes on undisturbed', async () => {
    const refusals = await guest().script(
      program(`
        print(${JSON.stringify(NICS.map(nicAddress))}.map((address) => {
          try { return openPciDevice(address).address; } catch (error) { return [error.code, error.message]; }
        }));
      `),
    );
    expect(refusals).toEqual(
      NICS.map((nic) => [
        'ERR_DEVICE_BUSY',
        expect.stringMatching(
          new RegExp(`^${nicAddress(nic)} is bound to ${NIC_MODELS[nic.model].kernelDriver}.*eth\\d`),
        ),
      ]),
    );
    await guest().output('ip -o link | grep -q eth0 && ip link set eth0 up && ip link set eth0 down');
  });

  describe.each([ACCESS_PATHS.sysfs, ACCESS_PATHS.uio])('by way of $name', (path) => {
    let kernelStatus = 0;
    beforeAll(async () => {
      const name = await guest().output(`ls /sys/bus/pci/devices/${nicAddress(E1000E)}/net`);
      const registers = await guest().output(`ethtool -d ${name}`);
      kernelStatus = Number(/STATUS .*(0x[0-9A-Fa-f]{8})/.exec(registers)?.[1]);
      for (const nic of NICS) await bindFor(guest(), path, nicAddress(nic));
    });
    afterAll(async () => {
      for (const nic of NICS) await restore(guest(), nicAddress(nic));
    });

    it('have a configuration space and a bus master bit that others see', async () => {
      const seen = await guest().script(
        program(`
          print(${JSON.stringify(NICS.map(nicAddress))}.map((address) => {
            const device = openPciDevice(address);
            const ids = [device.vendorId, device.deviceId, device.config.read16(0), device.config.read16(2)];
            const subsystem = device.config.read32(0x2c) === setpci(address, '2c.L');
            const master = [false, true, false, true].map((on) => {
              device.setBusMaster(on);
              return (setpci(address, 'COMMAND') & 4) !== 0;
            });
            device.close();
            return { ids, subsystem, master, closed: (setpci(address, 'COMMAND') & 4) !== 0 };
          }));
        `),
      );
      expect(seen).toEqual(
        NICS.map(({ model }) => {
          const { vendorId, deviceId } = NIC_MODELS[model];
          return {
            ids: [vendorId, deviceId, vendorId, deviceId],
            subsystem: true,
            master: [false, true, false, true],
            closed: false,
          };
        }),
      );
    });

    it('the 82574 has the registers that its kernel driver saw', async () => {
      // Receive address 0 and the status register (82574 datasheet 3.4, sections 10.2.5.22 and 10.2.2.2).
      const found = await guest().script(
        program(`
          const device = openPciDevice('${nicAddress(E1000E)}');
          const bar = device.bar(0);
          print({
            size: bar.size, status: bar.read32(0x8), low: bar.read32(0x5400), high: bar.read32(0x5404),
            flash: device.bar(1).size,
          });
          device.close();
        `),
      );
      const mac = Buffer.from(nicMac(E1000E).replaceAll(':', ''), 'hex');
      expect(found).toEqual({
        size: 0x2_0000,
        status: kernelStatus,
        low: mac.readUInt32LE(0),
        high: (mac.readUInt16LE(4) | 0x8000_0000) >>> 0,
        flash: 0x2_0000,
      });
    });

    it('virtio’s capabilities lead to its structures in memory', async () => {
      // The structure of type 4, device-specific, begins with the MAC address (virtio 1.2, sections 4.1.4 and 5.1.4).
      const found = await guest().script(
        program(`
          const device = openPciDevice('${nicAddress(VIRTIO)}');
          const { config } = device;
          let at = config.read8(0x34);
          while (at !== 0 && !(config.read8(at) === 9 && config.read8(at + 3) === 4)) at = config.read8(at + 1);
          const index = config.read8(at + 4);
          const [low, high] = [0, 4].map((offset) => device.bar(index).read32(config.read32(at + 8) + offset));
          print({ index, low, high: high & 0xffff });
          device.close();
        `),
      );
      const mac = Buffer.from(nicMac(VIRTIO).replaceAll(':', ''), 'hex');
      expect(found).toEqual({ index: 4, low: mac.readUInt32LE(0), high: mac.readUInt16LE(4) });
    });
  });
});
