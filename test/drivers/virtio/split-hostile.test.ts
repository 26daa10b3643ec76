/** Devices that break the rules of split rings: nothing is lost, nothing is believed, and it is said once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../../src/memory/packet-pool.ts';
import {
  expectReceiveConserves,
  expectTransmitConserves,
  expectTransmitEnds,
  type Scribble,
  scribbleOnHeader,
  scribbles,
  useAll,
} from './hostile-side.ts';
import { deliver, frame, VARIANTS } from './receive-side.ts';
import {
  expectConserved,
  type RingOptions,
  receiver as ringReceiver,
  transmitter as ringTransmitter,
} from './ring-set-up.ts';
import type { SplitDevice } from './split-device.ts';

const receiver = (options: RingOptions) => {
  const set = ringReceiver(options);
  return { ...set, device: set.device as SplitDevice };
};
const transmitter = (options: RingOptions) => {
  const set = ringTransmitter(options);
  return { ...set, device: set.device as SplitDevice };
};

/** What a device may do wrong, with what the queue says of it. `ids` are those of buffers it has. */
const FAULTS: [string, (device: SplitDevice, ids: number[]) => void, RegExp][] = [
  ['jumps ahead with the index', (device) => device.use(0, 72, 100), /^moved the used index to 10\d, beyond/],
  ['moves the index back', (device) => device.use(0, 72, -9), /^moved the used index to 655\d\d, beyond/],
  ['uses an id that is out of range', (device) => device.use(64, 72), /^used buffer 64, which it does not have$/],
  ['uses an id far out of range', (device) => device.use(0xffff_fff0, 72), /^used buffer 4294967280, which/],
  [
    'adds the ring size to one of four ids',
    (device, [a, b, c]) => useAll(device, [a, 64 + b, c]),
    /^used buffer \d+, which/,
  ],
  ['uses a buffer twice', (device, [id]) => useAll(device, [id, id]), /^used buffer \d+, which/],
  ['uses one of four buffers twice', (device, [a, b, c]) => useAll(device, [a, b, c, b]), /^used buffer \d+, which/],
];
const PLAIN_VARIANTS = VARIANTS.filter(([, { inOrder }]) => !inOrder);

describe.each(FAULTS)('a device that %s', (_, misbehave, reason) => {
  it.each(PLAIN_VARIANTS)('ends a receive queue with %s', (__, options) => {
    const set = receiver({ ...options, checked: false });
    const { queue, device, pool } = set;
    const batch = new PacketBatch(64);
    for (let i = 0; i < 5; i++) deliver(set, frame(i, 60));
    const ids = [0, 1, 2].flatMap(() => deliver(set, frame(9, 60), {}, false).map(({ id }) => id));
    misbehave(device, ids);
    let received = 0;
    for (let i = 0; i < 3; i++) received += queue.receive(batch);
    // What an index that makes no sense vouches for is not looked at; of good frames before a bad id, some may come.
    expect(received).toBeLessThanOrEqual(reason.source.includes('index') ? 0 : 8);
    expect(set.broken).toEqual([expect.stringMatching(reason)]);
    deliver(set, frame(1, 60));
    expect(queue.receive(batch)).toBe(0);
    queue.reclaim();
    expectConserved(pool, batch.packets.subarray(0, batch.length));
  });

  it.each([
    ['the burst', {}],
    ['the slow path', { separateHeader: true }],
    ['checked mode', { checked: true }],
  ])('ends a transmit queue, found by %s', (__, options: RingOptions) => {
    const set = transmitter({ checked: false, ...options });
    expectTransmitEnds(set, (ids) => misbehave(set.device, ids), reason);
  });
});

it('a device that names a later buffer than it was given, in order, ends the queue', () => {
  const set = receiver({ inOrder: true });
  const ids = [0, 1].flatMap(() => deliver(set, frame(9, 60), {}, false).map(({ id }) => id));
  set.device.use(ids[1] + 1, 72, 1);
  expect(set.queue.receive(new PacketBatch(64))).toBe(0);
  expect(set.broken).toEqual(['used buffer 2, which it does not have']);
  set.queue.reclaim();
  expectConserved(set.pool);
});

const PLACES = ['ring', 'index', 'element', 'header', 'honest'] as const;
type Place = (typeof PLACES)[number];

/** Writes to the ring, or to the index or an element of the used ring; an honest device says that it used `length` bytes. */
function write(
  { device, pool }: { device: SplitDevice; pool: PacketPool },
  length: number,
  one: Scribble<Place>,
): void {
  const { where, at, value } = one;
  const whole = new Int32Array(device.table.buffer, 4096, 2048);
  const slot = 2 * (at & (device.size - 1));
  if (where === 'honest') device.use(device.available[2 + (device.written & 63)], length);
  if (where === 'ring') whole[at % whole.length] = value;
  if (where === 'index') device.used16[1] += value & 15;
  if (where === 'element') device.used.set([value & (at & 1 ? 63 : -1), at], 1 + slot);
  if (where === 'header') scribbleOnHeader(pool, at, value);
}

describe('a device that writes anything anywhere', () => {
  it('costs a receive queue no packet', () => {
    const options = fc.constantFrom(...VARIANTS.map(([, variant]) => variant));
    const property = (all: Scribble<Place>[], variant: RingOptions): void => {
      const set = receiver({ ...variant, checked: false, maximumFrame: 9018 });
      expectReceiveConserves(set, all, (one) => write(set, one.at & 127, one));
    };
    fc.assert(fc.property(scribbles(...PLACES), options, property), { seed: 6, numRuns: 2000 });
  });

  it('costs a transmit queue no packet', () => {
    const options = fc.constantFrom<RingOptions>({}, { eventIndex: true }, { inOrder: true }, { separateHeader: true });
    const property = (all: Scribble<Place>[], variant: RingOptions): void => {
      const set = transmitter({ ...variant, checked: false });
      expectTransmitConserves(set, all, (one) => write(set, 0, one));
    };
    fc.assert(fc.property(scribbles(...PLACES), options, property), { seed: 7, numRuns: 2000 });
  });
});
