/** First steps with a virtio NIC: the tools know it, the driver opens it and says what QEMU says. */
import { describe, expect, it } from 'vitest';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { NIC_MODELS, type Nic, type NicModel, nicAddress, nicMac } from '../harness/nics.ts';
import { lastPrinted, portProgram, runsAs } from '../harness/ports.ts';
import { suffix } from './virtio-traffic.ts';

const IXY = 'node dist/cli/main.js';

interface Information {
  readonly description: string;
  readonly capabilities: { readonly features: readonly string[] };
  readonly registers: Record<string, number>;
}

/** What `ixy list` says while the kernel has it, and with what it takes it away. */
export function testKernelHasIt(guest: () => Guest, nic: Nic): void {
  it('ixy list names who has it, and what to do', async () => {
    const address = nicAddress(nic);
    const { devices } = JSON.parse(await guest().output(`${IXY} list --json`));
    expect(devices.find((device: { address: string }) => device.address === address)).toMatchObject({
      id: `1af4:${NIC_MODELS[nic.model].deviceId.toString(16)}`,
      driver: 'virtio-pci',
      interfaces: [await guest().interfaceOf(nic)],
      supportedBy: 'virtio',
      obstacle: expect.stringContaining(`ixy bind ${address}`),
    });
  });
}

/** `nic` is bound for this way of access. */
export function testBringUp(guest: () => Guest, path: AccessPath, nic: Nic): void {
  const model: NicModel = NIC_MODELS[nic.model];
  const address = nicAddress(nic);
  const packed = nic.model === 'virtio-packed';
  const transport = nic.model === 'virtio-legacy' ? 'legacy' : 'modern';

  describe('the NIC', () => {
    it('ixy info says of it what QEMU says', async () => {
      const output = await guest().output(`${IXY} info ${address}${suffix(path)} --registers --json`, runsAs(path));
      const info = JSON.parse(output) as Information;
      expect(info).toMatchObject({
        driver: 'virtio',
        description: `virtio-net (${transport} interface, ${packed ? 'packed' : 'split'} rings)`,
        mac: nicMac(nic),
        mtu: 1500,
        link: { up: true },
        capabilities: { maxRxQueues: model.queuePairs ?? 1, maxMtu: nic.properties ? 9000 : 9500 },
      });
      const { features } = info.capabilities;
      const modern = ['VERSION_1', ...(path.machine.iommu ? ['ACCESS_PLATFORM'] : [])];
      expect(features).toEqual(expect.arrayContaining(['MAC', 'STATUS', 'CTRL_VQ', 'CTRL_RX', 'EVENT_IDX']));
      expect(features).toEqual(expect.arrayContaining(transport === 'modern' ? modern : []));
      expect(features.includes('RING_PACKED')).toBe(packed);
      expect(features.includes('CSUM')).toBe(nic.tap === 'offloads');
      expect(Object.keys(info.registers).length).toBeGreaterThan(10);
    });

    it('opens, closes and opens again, which leaves no huge page behind', async () => {
      const program = portProgram(
        path,
        `const macs = [];
        for (let i = 0; i < 3; i++) {
          const port = await openPort('${address}');
          macs.push(port.mac);
          port.close();
        }
        print(macs);`,
      );
      expect(lastPrinted((await guest().startScript(program, runsAs(path)).ended).stdout)).toEqual(
        Array(3).fill(nicMac(nic)),
      );
      expect(await guest().output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo")).toBe(
        String(guest().machine.hugePages),
      );
    });
  });
}
