/** Devices that go on writing to what they have given back, while it is read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FourViews, fourViews } from '../../../src/drivers/virtio/four-views.ts';
import { makeFrameReceive, type UsedBuffers } from '../../../src/drivers/virtio/frame-receive.ts';
import { packedRing } from '../../../src/drivers/virtio/packed/context.ts';
import type { PackedRxContext } from '../../../src/drivers/virtio/packed/receive.ts';
import { makePackedUsed } from '../../../src/drivers/virtio/packed/used.ts';
import { type QueueInit, queueBytes, type RingKind } from '../../../src/drivers/virtio/queue-init.ts';
import { RX_CONSTANTS, type RxContext } from '../../../src/drivers/virtio/rx-context.ts';
import { splitRing } from '../../../src/drivers/virtio/split/context.ts';
import type { SplitRxContext } from '../../../src/drivers/virtio/split/receive.ts';
import { makeSplitUsed } from '../../../src/drivers/virtio/split/used.ts';
import { splitViews } from '../../../src/drivers/virtio/split/views.ts';
import { createPacketPool } from '../../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../../../src/memory/packet-pool.ts';
import { testMemory } from '../../support/memory.ts';
import { FakeDomain } from './fake-memory.ts';
import { expectConserved, PLAIN } from './ring-set-up.ts';

const SIZE = 16;
const { NEXT_WRAP, AVAILABLE, OUTSTANDING } = RX_CONSTANTS;
/** A used descriptor's flags in the first lap: AVAIL, USED and WRITE. */
const USED = 0x8082 << 16;

/** What each read of the element `index` finds; undefined for what is there. */
type Read = (index: number) => number | undefined;

/** `array` as it looks while somebody else writes to it. */
function changing<T extends Int32Array | Uint16Array>(array: T, read: Read): T {
  return new Proxy(array, {
    get: (target, key) => {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      if (!Number.isNaN(index)) return read(index) ?? target[index];
      return Reflect.get(target, key, target);
    },
  });
}

function tables(pool: PacketPool, faults: string[], features: { mergeable: boolean; inOrder: boolean }): RxContext {
  return {
    ...PLAIN,
    ...features,
    constants: RX_CONSTANTS,
    pool,
    poolState: pool.state,
    freeStack: pool.stack,
    lengths: pool.length,
    links: pool.next,
    headrooms: pool.headroom,
    offloads: pool.offloads,
    checksumStarts: pool.checksumStart,
    checksumOffsets: pool.checksumOffset,
    hashes: pool.rssHash,
    addresses: new Float64Array(pool.length.length),
    shadow: new Int32Array(SIZE).fill(NO_PACKET),
    state: new Int32Array(32),
    totals: new Float64Array(32),
    headers: new Uint16Array(pool.memory.buffer, 0, pool.memory.size / 2),
    size: SIZE,
    maximumLength: pool.dataSize,
    maximumSegments: features.mergeable ? 5 : 1,
    receiveChecksum: true,
    pairs: false,
    block: 4,
    notify: () => {},
    fail: (fault) => faults.push(fault),
  };
}

/** The slow path of a ring whose buffers are all the device's. `read` stands between it and what the device writes. */
function slowPath(kind: RingKind, read: Read, { mergeable = false, inOrder = false } = {}) {
  const domain = new FakeDomain();
  const memory = testMemory(2 ** 21);
  domain.map(memory);
  const bytes = new Uint8Array(memory.buffer, 4096, queueBytes(kind, SIZE));
  const init: QueueInit = {
    memory: { memory, offset: 4096, bytes },
    address: domain.addressOf(memory, 4096),
    size: SIZE,
    kind,
    features: PLAIN,
    domain,
    maximumFrame: 9018,
    onBroken: () => {},
  };
  const pool = createPacketPool(testMemory(2 ** 21), { checked: false });
  const faults: string[] = [];
  const common = tables(pool, faults, { mergeable, inOrder });
  const { shadow, state } = common;
  pool.take(shadow, 0, SIZE);
  state[AVAILABLE] = SIZE;
  const fourFree: FourViews<Int32Array> = fourViews(pool.stack, 1);
  let words: Int32Array;
  let used: UsedBuffers;
  if (kind === 'split') {
    const ring = splitRing(splitViews(init), SIZE);
    words = ring.used.subarray(1);
    ring.used16[1] = 8;
    const context: SplitRxContext = { ...common, ...ring, used: changing(ring.used, (i) => read(i - 1)), fourFree };
    used = makeSplitUsed(context);
  } else {
    const ring = packedRing(init);
    words = ring.descriptors;
    state[OUTSTANDING] = SIZE;
    state[NEXT_WRAP] = 0x8080 << 16;
    const descriptors = changing(ring.descriptors, read);
    const context: PackedRxContext = { ...common, ...ring, descriptors, fourFree, fourHeld: fourViews(shadow, 1) };
    used = makePackedUsed(context);
  }
  for (const packet of shadow) pool.bytes.fill(0, packet * pool.stride, (packet + 1) * pool.stride);
  const batch = new PacketBatch(SIZE, pool);
  const receive = makeFrameReceive(common, used, () => {});
  /** Throws unless each packet is in the pool, in the ring or with the application, and in one place only. */
  const expectOneOwnerEach = (): void => {
    expectConserved(pool, [
      ...shadow.filter((packet) => packet !== NO_PACKET),
      ...batch.packets.subarray(0, batch.length),
    ]);
  };
  return { words, faults, batch, shadow, receive: () => receive(batch), expectOneOwnerEach };
}

describe('a device that changes a used id while it is looked at', () => {
  it('on a split ring hands over the buffer that was looked at first, and no other', () => {
    const ids = [3, 5];
    const ring = slowPath('split', (word) => (word === 0 ? (ids.shift() ?? 5) : undefined));
    const [looked, other] = [ring.shadow[3], ring.shadow[5]];
    for (let element = 0; element < 8; element++) ring.words.set([element === 0 ? 3 : element, 72], 2 * element);
    ring.receive();
    expect(ring.batch.packets[0]).toBe(looked);
    expect(ring.shadow[5]).toBe(ring.batch.packets.includes(other) ? NO_PACKET : other);
    ring.expectOneOwnerEach();
  });

  it('on a packed ring hands over the buffer that was looked at first, and no other', () => {
    const ids = [3, 3, 5]; // whether it is used, which it is, and what a second look would find
    const ring = slowPath('packed', (word) => (word === 3 ? USED | (ids.shift() ?? 5) : undefined));
    const [looked, other] = [ring.shadow[3], ring.shadow[5]];
    ring.words[2] = 72;
    expect(ring.receive()).toBe(1);
    expect(ring.batch.packets[0]).toBe(looked);
    expect(ring.shadow[5]).toBe(other);
    ring.expectOneOwnerEach();
  });

  it.each(['split', 'packed'] as const)('never makes a packet have two owners or none: %s', (kind) => {
    const value = fc.oneof(
      fc.nat(SIZE + 1),
      fc.nat(SIZE + 1).map((id) => USED | id),
      fc.constantFrom(0, 72, 2060),
      fc.integer(),
    );
    const property = (values: number[], mergeable: boolean, inOrder: boolean): void => {
      let reads = 0;
      const ring = slowPath(kind, () => values[reads++ % values.length], { mergeable, inOrder });
      for (let i = 0; i < 4 && ring.faults.length === 0; i++) ring.receive();
      ring.expectOneOwnerEach();
    };
    fc.assert(fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), fc.boolean(), fc.boolean(), property), {
      seed: 11,
      numRuns: 1000,
    });
  });
});
