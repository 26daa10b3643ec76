/** First steps with a NIC: the tools know it, the driver opens it and says of it what it is. */
import { describe, expect, it } from 'vitest';
import type { Check } from '../../../src/system/check.ts';
import { type AccessPath, restore } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { NIC_MODELS, type Nic, type NicModel, nicAddress, nicMac } from '../harness/nics.ts';
import { lastPrinted, portProgram, runsAs } from '../harness/ports.ts';
import { suffix } from './traffic.ts';

const IXY = 'node dist/cli/main.js';
const TIMEOUT = 110_000;

interface Information {
  readonly description: string;
  readonly capabilities: { readonly features: readonly string[] };
  readonly registers: Record<string, number>;
}

/** `nic` is the kernel's, and is bound for this way of access afterwards. */
export function testTaking(guest: () => Guest, path: AccessPath, nic: Nic): void {
  const { vendorId, deviceId, kernelDriver, supportedBy }: NicModel = NIC_MODELS[nic.model];
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
      id: `${vendorId.toString(16)}:${deviceId.toString(16)}`,
      driver: kernelDriver,
      interfaces: [await guest().interfaceOf(nic)],
      supportedBy,
      obstacle: expect.stringContaining(`ixy bind ${address}`),
    });
  });

  it(`ixy ${driver ? `bind … ${driver}${owner}` : 'unbind'} makes it ready`, { timeout: 2 * TIMEOUT }, async () => {
    await guest().output(path.load);
    await guest().output(driver ? `${IXY} bind ${address} ${driver}${owner}` : `${IXY} unbind ${address}`);
    const [device, { status, stdout }] = await Promise.all([
      listed(),
      guest().run(`${IXY} doctor --json`, { ...runsAs(path), timeout: TIMEOUT }),
    ]);
    expect(device).toMatchObject({ driver, interfaces: [], supportedBy, obstacle: null });
    const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
    const problems = checks.filter(({ verdict }) => verdict === 'problem').map(({ name }) => name);
    expect({ status, problems }).toEqual(
      path.machine.iommu ? { status: 0, problems: [] } : { status: 1, problems: ['IOMMU'] },
    );
  });
}

/** `nic` is bound for this way of access, here and below. */
export function testBringUp(guest: () => Guest, path: AccessPath, nic: Nic): void {
  describe('the NIC', () => {
    testInformation(guest, path, nic);
    testReopening(guest, path, nic);
  });
}

export function testInformation(guest: () => Guest, path: AccessPath, nic: Nic): void {
  const { supportedBy, queuePairs = 1 }: NicModel = NIC_MODELS[nic.model];
  const [{ description }] = openingsOf(nic);

  it('ixy info says of it what it is', async () => {
    const output = await guest().output(
      `${IXY} info ${nicAddress(nic)}${suffix(path)} --registers --json`,
      runsAs(path),
    );
    const info = JSON.parse(output) as Information;
    expect(info).toMatchObject({
      driver: supportedBy,
      description,
      mac: nicMac(nic),
      mtu: 1500,
      link: { up: true },
      capabilities: { maxRxQueues: queuePairs, maxMtu: nic.properties ? 9000 : 9500 },
    });
    expect(Object.keys(info.registers).length).toBeGreaterThan(10);
    if (supportedBy === 'virtio') expectFeatures(info.capabilities.features, nic, path);
  });
}

export function testReopening(guest: () => Guest, path: AccessPath, nic: Nic): void {
  const openings = openingsOf(nic);

  it('opens, closes and opens again, by each interface that it has, which leaves no huge page behind', async () => {
    const program = portProgram(
      path,
      `const seen = [];
        for (const options of ${JSON.stringify(openings.map(({ options }) => options))}) {
          const port = await openPort('${nicAddress(nic)}', options);
          seen.push([port.mac, port.description]);
          port.close();
        }
        print(seen);`,
    );
    expect(lastPrinted((await guest().startScript(program, runsAs(path)).ended).stdout)).toEqual(
      openings.map(({ description }) => [nicMac(nic), description]),
    );
    expect(await guest().output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo")).toBe(
      String(guest().machine.hugePages),
    );
  });
}

interface Opening {
  readonly options: { readonly legacy?: boolean };
  readonly description: string;
}

/** Three ways to open a NIC one after the other, the usual one first. */
function openingsOf({ model }: Nic): Opening[] {
  if (model === 'ixgbe') return Array(3).fill({ options: {}, description: 'Intel 82599ES 10-Gigabit SFI/SFP+' });
  const legacy = model === 'virtio-legacy';
  const switches = model === 'virtio-transitional' ? [false, true, false] : [legacy, legacy, legacy];
  const rings = model === 'virtio-packed' ? 'packed' : 'split';
  return switches.map((old) => ({
    options: { legacy: old },
    description: `virtio-net (${old ? 'legacy' : 'modern'} interface, ${rings} rings)`,
  }));
}

function expectFeatures(features: readonly string[], nic: Nic, path: AccessPath): void {
  const modern = ['VERSION_1', ...(path.machine.iommu ? ['ACCESS_PLATFORM'] : [])];
  expect(features).toEqual(expect.arrayContaining(['MAC', 'STATUS', 'CTRL_VQ', 'CTRL_RX', 'EVENT_IDX']));
  expect(features).toEqual(expect.arrayContaining(nic.model === 'virtio-legacy' ? [] : modern));
  expect(features.includes('RING_PACKED')).toBe(nic.model === 'virtio-packed');
  expect(features.includes('CSUM')).toBe(nic.tap === 'offloads');
}
