/** What only compiled code in a process of its own can show: that the packet path allocates nothing and stays optimised. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const bench = resolve('build-js/bench/index.js');
const library = resolve('dist/index.js');
for (const file of [bench, library]) {
  if (!existsSync(file)) throw new Error(`${file} is missing; run: npm run build:tools`);
}

describe('the packet path', () => {
  it('causes no garbage collection in ten million forwarded packets, with any driver', async () => {
    const { stdout } = await run(process.execPath, [bench, '--only', 'allocation', '--json']);
    const allocations: { driver: string; packets: number; scavenges: number; bytesPerPacket: number }[] =
      JSON.parse(stdout).allocation;
    expect(allocations.map(({ driver }) => driver).sort()).toEqual(['ixgbe', 'virtio-packed', 'virtio-split']);
    for (const each of allocations) {
      expect(each).toMatchObject({ packets: 10_000_000, scavenges: 0 });
      expect(each.bytesPerPacket).toBeLessThan(1);
    }
  }, 300_000);
});

/** Forwards between two stepped NICs: a warm-up, then `PACKETS` more while V8 tells what it throws away. */
const program = (model: string, options: object): string => `
import { setFlagsFromString } from 'node:v8';
import {
  allocatePlainMemory, CableRegistry, createWire, EmulatedPciDevice, Forwarder, openIxgbe, openVirtio, PacketBatch, Simulation,
} from ${JSON.stringify(library)};
const simulation = new Simulation();
const cables = new CableRegistry();
const open = async (kind) => {
  const wire = createWire({ kind, check: false, flowControl: true }, cables);
  const device = new EmulatedPciDevice({ model: '${model}', address: kind, strict: false, simulation, wire });
  const options = { allocateMemory: allocatePlainMemory, linkPollInterval: 0, checked: false, promiscuous: true };
  const nic = await ${model === 'ixgbe' ? 'openIxgbe' : 'openVirtio'}(device, { ...options, ...${JSON.stringify(options)} });
  await nic.waitForLink();
  return nic;
};
const [source, sink] = [await open('generator'), await open('null')];
const forwarder = new Forwarder(source, sink);
const [there] = forwarder.directions;
const forward = (packets) => {
  for (const end = there.received + packets; there.received < end; ) {
    simulation.step(64);
    forwarder.step();
  }
};
forward(2e6);
setFlagsFromString('--trace-deopt');
if (process.argv.includes('provoke')) {
  const strange = Object.assign({}, new PacketBatch(8, source.rx[0].pool), { adopt() {} });
  for (let i = 0; i < 100; i++) source.rx[0].receive(strange);
} else {
  forward(5e6);
}
setFlagsFromString('--no-trace-deopt');
source.close();
sink.close();
`;

/** What runs for each burst. */
const HOT = ['receive', 'receiveHashed', 'rearm', 'refill', 'kick', 'takeBack', 'transmit', 'step', 'touchPackets'];

/** Functions whose optimised code V8 has thrown away, from its trace. */
async function deoptimised(model: string, options: object, ...args: string[]): Promise<string[]> {
  const parameters = ['--input-type=module', '--eval', program(model, options), '--', ...args];
  const { stdout } = await run(process.execPath, parameters);
  return Array.from(stdout.matchAll(/<(?:JSFunction|SharedFunctionInfo) #?([\w.]+)/g), ([, name]) => name);
}

describe.each([
  ['ixgbe', {}],
  ['ixgbe', { rss: { hash: true } }],
  ['virtio', { ring: 'split' }],
  ['virtio', { ring: 'split', rss: { hash: true } }],
  ['virtio', { ring: 'packed' }],
])('the hot functions of %s, %j', (model, options) => {
  it('are never deoptimised once they are warm', async () => {
    const found = await deoptimised(model, options);
    expect(found.filter((name) => HOT.includes(name))).toEqual([]);
  }, 60_000);

  it('would be seen if they were', async () => {
    expect(await deoptimised(model, options, 'provoke')).toContain('receive');
  }, 60_000);
});
