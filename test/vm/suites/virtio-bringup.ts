/** First steps with a virtio NIC: the tools know it, the driver opens it and says what QEMU says. */
import { describe, expect, it } from 'vitest';
import type { Check } from '../../../src/system/check.ts';
import { type AccessPath, restore } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { NIC_MODELS, type Nic, type NicModel, nicAddress, nicMac } from '../harness/nics.ts';
import { lastPrinted, portProgram, runsAs } from '../harness/ports.ts';
import { suffix } from './virtio-traffic.ts';

const IXY = 'node dist/cli/main.js';
const TIMEOUT = 110_000;

interface Information {
  readonly description: string;
  readonly capabilities: { readonly features: readonly string[] };
  readonly registers: Record<string, number>;
}

/** `nic` is the kernel's, and is bound for this way of access afterwards. */
export function testTaking(guest: () => Guest, path: AccessPath, nic: Nic): void {
  const address = nicAddress(nic);
  const driver = path.driver ?? null;
  const owner = path.machine.iommu ? ' --owner nobody' : '';

  const listed = async (): Promise<unknown> => {
    const { devices } = JSON.parse(await guest().output(`${IXY} list --json`, { timeout: TIMEOUT })) as {
      devices: { address: string }[];
    };
    return devices.find((device) => device.address === address);
  };

  it('is the kernel’s, which ixy list says, and what to do', { timeout: 2 * TIMEOUT }, async () => {
    await restore(guest(), address);
    expect(await listed()).toMatchObject({
      id: `1af4:${NIC_MODELS[nic.model].deviceId.toString(16)}`,
      driver: 'virtio-pci',
      interfaces: [await guest().interfaceOf(nic)],
      supportedBy: 'virtio',
      obstacle: expect.stringContaining(`ixy bind ${address}`),
    });
  });

  it(`ixy ${driver ? `bind … ${driver}${owner}` : 'unbind'} makes it ready`, { timeout: 2 * TIMEOUT }, async () => {
    await guest().output(path.load);
    await guest().output(driver ? `${IXY} bind ${address} ${driver}${owner}` : `${IXY} unbind ${address}`);
    expect(await listed()).toMatchObject({ driver, interfaces: [], supportedBy: 'virtio', obstacle: null });
    const { status, stdout } = await guest().run(`${IXY} doctor --json`, { ...runsAs(path), timeout: TIMEOUT });
    const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
    const problems = checks.filter(({ verdict }) => verdict === 'problem').map(({ name }) => name);
    expect({ status, problems }).toEqual(
      path.machine.iommu ? { status: 0, problems: [] } : { status: 1, problems: ['IOMMU'] },
    );
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

    it('opens, closes and opens again, by each interface that it has, which leaves no huge page behind', async () => {
      const interfaces =
        nic.model === 'virtio-transitional' ? ['modern', 'legacy', 'modern'] : Array(3).fill(transport);
      const program = portProgram(
        path,
        `const seen = [];
        for (const name of ${JSON.stringify(interfaces)}) {
          const port = await openPort('${address}', { legacy: name === 'legacy' });
          seen.push([port.mac, port.description.match(/\\w+ interface/)?.[0]]);
          port.close();
        }
        print(seen);`,
      );
      expect(lastPrinted((await guest().startScript(program, runsAs(path)).ended).stdout)).toEqual(
        interfaces.map((name) => [nicMac(nic), `${name} interface`]),
      );
      expect(await guest().output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo")).toBe(
        String(guest().machine.hugePages),
      );
    });
  });
}
