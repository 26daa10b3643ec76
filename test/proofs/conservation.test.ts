/**
 * Numbered packets from the generator through a cable to the forwarder and on to a checker: three NICs, stepped, so that
 * every run is the same. Nothing may be lost, twice, out of order or changed, unless somebody counted it.
 */
import { expect, onTestFinished, test } from 'vitest';
import { Forwarder, Generator } from '../../src/apps/index.ts';
import { type IxgbeDevice, openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import {
  Cable,
  CallbackWire,
  EmulatedPciDevice,
  Simulation,
  type WireEnd,
  wireStatistics,
} from '../../src/emulation/index.ts';
import { type Impairments, impair } from '../../src/emulation/wires/impairments.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { PacketTemplate, SequenceChecker } from '../../src/packets/index.ts';

const MANY = 10_000_000;
const SOME = 300_000;

const template = new PacketTemplate({
  size: 60,
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { sourcePort: 42, destinationPort: 1337 },
});

/** Whether the two Ethernet addresses, which no checksum covers, are the template's. */
function addressesIntact(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 12; i++) if (bytes[offset + i] !== template.bytes[i]) return false;
  return true;
}

interface Line {
  readonly simulation: Simulation;
  readonly generator: Generator;
  readonly forwarder: Forwarder;
  /** Of the NIC that receives from the cable, and the one that sends to the checker. */
  readonly middle: IxgbeDevice;
  readonly last: IxgbeDevice;
  readonly checker: SequenceChecker;
  /** Packets that arrived whole but for their Ethernet addresses. */
  readonly readdressed: () => number;
  readonly statistics: () => ReturnType<typeof wireStatistics>;
}

/** generator → first NIC → cable → middle NIC → forwarder → last NIC → bad line, or a good one → checker */
async function buildLine(count: number, impairments: Impairments = {}): Promise<Line> {
  const simulation = new Simulation();
  const cable = new Cable();
  const checker = new SequenceChecker({ template });
  let readdressed = 0;
  const end = new CallbackWire({
    onFrame: (bytes, offset, length) => {
      const before = checker.unique + checker.duplicated;
      checker.check(bytes, offset, length);
      if (checker.unique + checker.duplicated > before && !addressesIntact(bytes, offset)) readdressed++;
      return true;
    },
  });
  const open = async (wire: WireEnd): Promise<IxgbeDevice> => {
    const device = new EmulatedPciDevice({ wire, simulation, strict: false });
    const nic = await openIxgbe(device, {
      allocateMemory: allocatePlainMemory,
      linkPollInterval: 0,
      promiscuous: true,
      checked: false,
    });
    onTestFinished(() => nic.close());
    return nic;
  };
  const [first, middle, last] = [
    await open(cable.ends[0]),
    await open(cable.ends[1]),
    await open(impair(end, impairments)),
  ];
  await Promise.all([first, middle, last].map((nic) => nic.waitForLink()));
  return {
    simulation,
    generator: new Generator(first, { template, count }),
    forwarder: new Forwarder(middle, last),
    middle,
    last,
    checker,
    readdressed: () => readdressed,
    statistics: () => wireStatistics(end.counters),
  };
}

/** Runs until everything is sent and has arrived; the forwarder works in every `nth` round only. */
function run({ simulation, generator, forwarder }: Line, nth = 1): void {
  const [there] = forwarder.directions;
  for (let round = 1, idle = 0; idle < 50; round++) {
    const sent = Math.max(0, generator.step());
    const moved = simulation.step(64);
    if (round % nth === 0) forwarder.step();
    idle = sent + moved + there.waiting > 0 ? 0 : idle + 1;
  }
  simulation.advance(10); // what a line holds back arrives
}

const checked = ({ unique, reordered, duplicated, stale, corrupted, foreign }: SequenceChecker) => ({
  unique,
  reordered,
  duplicated,
  stale,
  corrupted,
  foreign,
});
const NOTHING_BAD = { reordered: 0, duplicated: 0, stale: 0, corrupted: 0, foreign: 0 };

test('ten million packets below the limit: none lost, twice, out of order or changed', async () => {
  const count = MANY;
  const line = await buildLine(count);
  run(line);
  expect(line.generator.packets).toBe(count);
  expect(checked(line.checker)).toEqual({ ...NOTHING_BAD, unique: count });
  expect(line.checker.lostOf(count)).toBe(0);
  expect(line.middle.statistics()).toMatchObject({ rxPackets: count, rxBytes: 60 * count, rxDropped: 0, rxErrors: 0 });
  expect(line.last.statistics()).toMatchObject({ txPackets: count, txBytes: 60 * count, txDropped: 0 });
  expect(line.forwarder.directions[0].summary()).toMatchObject({ received: count, forwarded: count, dropped: 0 });
}, 120_000);

test.each([2, 3, 7])(
  'above the limit: sent = received + counted drops, exactly (forwarding every %i rounds)',
  async (nth) => {
    const count = SOME;
    const line = await buildLine(count);
    run(line, nth);
    const { rxPackets, rxDropped } = line.middle.statistics();
    const [there] = line.forwarder.directions;
    expect(rxDropped).toBeGreaterThan(count / 3);
    expect(rxPackets + rxDropped).toBe(count);
    expect(there.received).toBe(rxPackets);
    expect(there.forwarded + there.dropped).toBe(there.received);
    expect(line.last.statistics().txPackets).toBe(there.forwarded);
    expect(checked(line.checker)).toEqual({ ...NOTHING_BAD, unique: there.forwarded });
    expect(line.checker.lostOf(count)).toBe(rxDropped + there.dropped);
  },
);

test('a slow way out: the forwarder drops what has no room, and counts it', async () => {
  const count = SOME;
  const line = await buildLine(count, { framesPerSecond: 1e6, direction: 'sent' });
  const { simulation } = line;
  const [there] = line.forwarder.directions;
  for (let idle = 0; idle < 50; ) {
    const sent = Math.max(0, line.generator.step());
    simulation.advance(0.02); // 20 frames' time
    line.forwarder.step();
    const left = line.checker.received < there.forwarded;
    idle = sent > 0 || left ? 0 : idle + 1;
  }
  const { rxPackets, rxDropped } = line.middle.statistics();
  expect(there.dropped).toBeGreaterThan(count / 3);
  expect(rxPackets + rxDropped).toBe(count);
  expect(there.forwarded + there.dropped).toBe(rxPackets);
  expect(checked(line.checker)).toEqual({ ...NOTHING_BAD, unique: there.forwarded });
});

test.each<[string, Impairments]>([
  ['loss', { loss: 0.01 }],
  ['duplication', { duplicate: 0.01 }],
  ['reordering', { reorder: 0.01 }],
  ['corruption', { corrupt: 0.01 }],
])('%s on the way: the checker finds exactly what the wire has done', async (_what, impairments) => {
  const count = SOME;
  const line = await buildLine(count, { ...impairments, seed: 82599, direction: 'sent' });
  run(line);
  const { checker } = line;
  const { lost, duplicated, reordered, corrupted } = line.statistics().sent;
  expect(lost + duplicated + reordered + corrupted).toBeGreaterThan(count / 200);
  // A flipped bit in a type field makes a frame foreign; one in an address is seen by nobody but this test.
  expect(checker.corrupted + checker.foreign + line.readdressed()).toBe(corrupted);
  expect(checker.lostOf(count)).toBe(lost + checker.corrupted + checker.foreign);
  expect(checker.duplicated).toBe(duplicated);
  expect(checker.reordered).toBe(reordered);
  expect(checker.stale).toBe(0);
  expect(checker.received).toBe(count - lost + duplicated);
});

test('all of it at once: what arrives is what was sent, less what was lost, and what came twice', async () => {
  const count = SOME;
  const line = await buildLine(count, {
    loss: 0.01,
    duplicate: 0.01,
    reorder: 0.01,
    corrupt: 0.01,
    seed: 7,
    direction: 'sent',
  });
  run(line);
  const { lost, duplicated, reordered, corrupted } = line.statistics().sent;
  const { checker } = line;
  expect(checker.received).toBe(count - lost + duplicated);
  expect(checker.corrupted + checker.foreign + line.readdressed()).toBe(corrupted);
  expect(checker.reordered).toBeGreaterThan(reordered * 0.95); // a damaged packet has no number to be out of order with
  expect(checker.reordered).toBeLessThanOrEqual(reordered + duplicated);
});
