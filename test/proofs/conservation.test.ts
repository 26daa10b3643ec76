/** Nothing may be lost, twice, out of order or changed on its way through three NICs, unless somebody counted it. */
import { expect, test } from 'vitest';
import { openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import { EmulatedPciDevice, type Simulation, type WireEnd } from '../../src/emulation/index.ts';
import type { Impairments } from '../../src/emulation/wires/impairments.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { buildLine, checked, NOTHING_BAD, run } from './line.ts';

const MANY = 10_000_000;
const SOME = 300_000;

const open = (wire: WireEnd, simulation: Simulation) =>
  openIxgbe(new EmulatedPciDevice({ wire, simulation, strict: false }), {
    allocateMemory: allocatePlainMemory,
    linkPollInterval: 0,
    promiscuous: true,
    checked: false,
  });

test('ten million packets below the limit: none lost, twice, out of order or changed', async () => {
  const count = MANY;
  const line = await buildLine(open, count);
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
    const line = await buildLine(open, count);
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
  const line = await buildLine(open, count, { framesPerSecond: 1e6, direction: 'sent' });
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
  const line = await buildLine(open, count, { ...impairments, seed: 82599, direction: 'sent' });
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
  const line = await buildLine(open, count, {
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
