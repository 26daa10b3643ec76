/** Devices that break the rules of packed rings: nothing is lost, nothing is believed, and it is said once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../../src/memory/packet-pool.ts';
import {
  addPackets,
  expectReceiveConserves,
  expectTransmitConserves,
  expectTransmitEnds,
  type Scribble,
  scribbleOnHeader,
  scribbles,
  useAll,
} from './hostile-side.ts';
import type { PackedDevice } from './packed-device.ts';
import { deliver, frame, RING_VARIANTS } from './receive-side.ts';
import {
  expectConserved,
  type RingOptions,
  receiver as ringReceiver,
  transmitter as ringTransmitter,
} from './ring-set-up.ts';

const receiver = (options: RingOptions) => {
  const set = ringReceiver({ kind: 'packed', ...options });
  return { ...set, device: set.device as PackedDevice };
};
const transmitter = (options: RingOptions) => {
  const set = ringTransmitter({ kind: 'packed', ...options });
  return { ...set, device: set.device as PackedDevice };
};

const VARIANTS = RING_VARIANTS.filter(([, { kind }]) => kind === 'packed');
const PLAIN_VARIANTS = VARIANTS.filter(([, { inOrder }]) => !inOrder);

/** Ids that no buffer has. */
const STRANGERS: [number, RegExp][] = [
  [64, /^used buffer 64, which it does not have$/],
  [0xffff, /^used buffer 65535, which it does not have$/],
];

describe.each(STRANGERS)('a device that uses buffer %s', (id, reason) => {
  it.each(VARIANTS)('ends a receive ring: %s', (__, options) => {
    const set = receiver({ ...options, checked: false });
    const batch = new PacketBatch(64);
    for (let i = 0; i < 5; i++) deliver(set, frame(i, 60));
    set.device.use(id, 72);
    let received = 0;
    for (let i = 0; i < 3; i++) received += set.queue.receive(batch);
    expect(received).toBe(5);
    expect(set.broken).toEqual([expect.stringMatching(reason)]);
    deliver(set, frame(1, 60));
    expect(set.queue.receive(batch)).toBe(0);
    set.queue.reclaim();
    expectConserved(set.pool, batch.packets.subarray(0, 5));
  });
});

describe('a device that uses a buffer twice', () => {
  // It cannot be told from one that uses buffers in another order: the buffer was made available again at once.
  it.each(PLAIN_VARIANTS)('gains nothing from a receive ring: %s', (_, options) => {
    const set = receiver({ ...options, checked: false });
    const batch = new PacketBatch(64);
    const [{ id }] = deliver(set, frame(9, 60), {}, false);
    useAll(set.device, [id, id, id, id, id]);
    set.queue.receive(batch);
    expect(new Set(batch.packets.subarray(0, batch.length)).size).toBe(batch.length);
    set.queue.reclaim();
    expectConserved(set.pool, batch.packets.subarray(0, batch.length));
  });

  it.each(PLAIN_VARIANTS)('ends a receive ring whose pool is empty: %s', (_, options) => {
    const set = receiver({ ...options, checked: false, poolBytes: 64 * 2112 });
    const batch = new PacketBatch(64);
    const [{ id }] = deliver(set, frame(9, 60), {}, false);
    useAll(set.device, [id, id]);
    expect(set.queue.receive(batch)).toBe(1);
    expect(set.broken).toEqual([`used buffer ${id}, which it does not have`]);
    set.queue.reclaim();
    expectConserved(set.pool, batch.packets.subarray(0, 1));
  });
});

/** What a device may do wrong with buffers to send, with what the queue says of it. `ids` are those of buffers it has. */
const FAULTS: [string, (device: PackedDevice, ids: number[]) => void, RegExp][] = [
  ['uses an id that is out of range', (device) => device.use(64, 0), /^used buffer 64, which it does not have$/],
  ['uses an id far out of range', (device) => device.use(0xfff0, 0), /^used buffer 65520, which/],
  ['uses a buffer twice', (device, [id]) => useAll(device, [id, id]), /^used buffer \d+, which/],
  ['uses one of four buffers twice', (device, [a, b, c]) => useAll(device, [a, b, c, b]), /^used buffer \d+, which/],
];

describe.each(FAULTS)('a device that %s', (_, misbehave, reason) => {
  it.each([
    ['the burst', {}],
    ['the burst, in order', { inOrder: true }],
    ['checked mode', { checked: true }],
    ['checked mode, in order', { checked: true, inOrder: true }],
  ])('ends a transmit ring, found by %s', (__, options: RingOptions) => {
    const set = transmitter({ checked: false, ...options });
    expectTransmitEnds(set, (ids) => misbehave(set.device, ids), reason);
  });
});

describe('a device that uses the last buffer of a full ring first, and again where it lay before', () => {
  it.each([{ checked: false }, { checked: true }])('ends a transmit ring: %o', (options) => {
    const { queue, device, pool, broken } = transmitter(options);
    const batch = new PacketBatch(64, pool);
    const send = (count: number): number => {
      addPackets(batch, pool, count);
      return queue.transmit(batch);
    };
    const take = (count: number) => Array.from({ length: count }, () => device.take()?.id ?? -1);
    send(63);
    useAll(device, take(63));
    expect(send(64)).toBe(64);
    const ids = take(64);
    const last = ids[63];
    device.use(last, 0);
    expect(send(1)).toBe(1); // the same id again, at the place behind its old one
    useAll(device, [...ids.slice(1, 63), last, last]);
    queue.transmit(batch); // all is well until the very last one
    expect(broken).toEqual([`used buffer ${last}, which it does not have`]);
    queue.reclaim();
    expectConserved(pool);
  });
});

const USED = 0x8080;
const PLACES = ['ring', 'flags', 'element', 'header', 'honest'] as const;
type Place = (typeof PLACES)[number];

/** Writes to the ring, or where the next used descriptor is expected. */
function write(
  { device, pool }: { device: PackedDevice; pool: PacketPool },
  { where, at, value }: Scribble<Place>,
): void {
  const whole = new Int32Array(device.ring.buffer, device.ring.byteOffset, 4 * 64 + 32);
  const id = device.ring[4 * device.written.place + 3] & 0xffff;
  if (where === 'honest') device.use(id, at & 127);
  if (where === 'ring') whole[at % whole.length] = value;
  if (where === 'flags') {
    for (let ahead = 0; ahead < (value & 15); ahead++) {
      const { place, wrap } = device.written.ahead(ahead);
      device.ring[4 * place + 3] = (device.ring[4 * place + 3] & 0xffff) | ((wrap ? USED : 0) << 16);
    }
  }
  if (where === 'element') device.use(value & (at & 1 ? 63 : -1), at);
  if (where === 'header') scribbleOnHeader(pool, at, value);
}

describe('a device that writes anything anywhere', () => {
  it('costs a receive queue no packet', () => {
    const options = fc.constantFrom(...VARIANTS.map(([, variant]) => variant));
    const property = (all: Scribble<Place>[], variant: RingOptions): void => {
      const set = receiver({ ...variant, checked: false, maximumFrame: 9018 });
      expectReceiveConserves(set, all, (one) => write(set, one));
    };
    fc.assert(fc.property(scribbles(...PLACES), options, property), { seed: 8, numRuns: 500 });
  });

  it('costs a transmit queue no packet', () => {
    const options = fc.constantFrom<RingOptions>({}, { eventIndex: true }, { inOrder: true });
    const property = (all: Scribble<Place>[], variant: RingOptions): void => {
      const set = transmitter({ ...variant, checked: false });
      expectTransmitConserves(set, all, (one) => write(set, one));
    };
    fc.assert(fc.property(scribbles(...PLACES), options, property), { seed: 9, numRuns: 500 });
  });
});
