import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPacketPool } from '../../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../../src/memory/packet-pool.ts';
import { testMemory } from '../../support/memory.ts';
import { expectConserved, type RingOptions, transmitter } from './ring-set-up.ts';
import { type Buffer, content } from './split-device.ts';

type Transmitter = ReturnType<typeof transmitter>;

interface Sent {
  readonly header: number[];
  readonly data: number[];
}

/** What the device gets in a buffer. */
function sentIn({ features }: Transmitter, buffer: Buffer): Sent {
  expect(buffer.writable).toBe(false);
  const bytes = [...content(buffer)];
  return { header: bytes.slice(0, features.headerBytes), data: bytes.slice(features.headerBytes) };
}

/** The device sends everything, at once. */
function send(set: Transmitter): Sent[] {
  const sent: Sent[] = [];
  for (let buffer = set.device.take(); buffer; buffer = set.device.take()) {
    sent.push(sentIn(set, buffer));
    set.device.use(buffer.id, 0);
  }
  return sent;
}

/** A batch of `count` packets, as far as the pool has them; data and headroom are not what they were in the last use. */
function fresh(pool: PacketPool, count: number, length = 60): PacketBatch {
  const batch = new PacketBatch(Math.max(count, 1), pool);
  batch.allocate(pool, count);
  for (let i = 0; i < batch.length; i++) {
    const packet = batch.packets[i];
    pool.length[packet] = length;
    pool.bytes.fill(0xee, packet * pool.stride, (packet + 1) * pool.stride);
    pool.bytes[batch.offsets[i]] = i;
  }
  return batch;
}

/** A chain of three packets. */
function chain(pool: PacketPool, lengths: readonly number[]): number {
  const batch = fresh(pool, lengths.length);
  lengths.forEach((length, i) => {
    pool.length[batch.packets[i]] = length;
    if (i > 0) pool.chain(batch.packets[0], batch.packets[i]);
  });
  return batch.packets[0];
}

function dataOf(pool: PacketPool, packet: number): number[] {
  const bytes: number[] = [];
  for (let segment = packet; segment >= 0; segment = pool.next[segment]) {
    bytes.push(...pool.bytes.subarray(pool.offset(segment), pool.offset(segment) + pool.length[segment]));
  }
  return bytes;
}

const VARIANTS: [string, RingOptions][] = [
  ['split, plain', {}],
  ['split, event indices', { eventIndex: true }],
  ['split, in order', { inOrder: true }],
  ['split, headers of 10 bytes', { headerBytes: 10 }],
  ['split, headers apart', { headerBytes: 10, separateHeader: true }],
  ['packed, plain', { kind: 'packed' }],
  ['packed, event indices', { kind: 'packed', eventIndex: true }],
  ['packed, in order', { kind: 'packed', inOrder: true }],
];
const CASES = VARIANTS.flatMap(([name, options]) =>
  [true, false].map((checked): [string, RingOptions] => [`${name}, checked mode ${checked}`, { ...options, checked }]),
);

describe.each(CASES)('a transmit ring: %s', (_, options) => {
  it('hands over each packet behind a header of zeros, in order', () => {
    const set = transmitter(options);
    const batch = fresh(set.pool, 7);
    for (let i = 0; i < 7; i++) set.pool.length[batch.packets[i]] = 60 + i;
    const expected = [...batch.packets.subarray(0, 7)].map((packet) => ({
      header: new Array(set.features.headerBytes).fill(0),
      data: dataOf(set.pool, packet),
    }));
    expect(set.queue.transmit(batch)).toBe(7);
    expect(batch.length).toBe(0);
    expect(send(set)).toEqual(expected);
    expect([set.queue.packets, set.queue.bytes]).toEqual([7, 7 * 60 + 21]);
    set.queue.reclaim();
    expectConserved(set.pool);
  });

  it('goes on through many laps of the ring and of the 16-bit index', () => {
    const set = transmitter(options);
    const { pool, queue, device } = set;
    let total = 0;
    for (let round = 0; total < (options.checked ? 3000 : 70_000); round++) {
      const batch = new PacketBatch(40, pool);
      batch.allocate(pool, 1 + (round % 37));
      for (let i = 0; i < batch.length; i++) pool.length[batch.packets[i]] = 60;
      total += queue.transmit(batch);
      batch.free();
      for (let buffer = device.take(); buffer; buffer = device.take()) device.use(buffer.id, 0);
    }
    expect(queue.packets).toBe(total);
    expect(pool.capacity - pool.available).toBeLessThanOrEqual(64);
    queue.reclaim();
    expectConserved(pool);
  });

  it('leaves in the batch what has no room, and takes it once the device has sent', () => {
    const set = transmitter(options);
    const { pool, queue } = set;
    const room = options.separateHeader ? 32 : 64;
    const batch = fresh(pool, 100);
    const left = [...batch.packets.subarray(room, 100)];
    expect(queue.transmit(batch)).toBe(room);
    expect([...batch.packets.subarray(0, batch.length)]).toEqual(left);
    expect(queue.transmit(batch)).toBe(0);
    expect(send(set)).toHaveLength(room);
    expect(queue.transmit(batch)).toBe(Math.min(left.length, room));
    batch.free();
    queue.reclaim();
    expectConserved(pool);
  });

  it('takes packets back when their pool runs short, also with an empty batch', () => {
    const set = transmitter({ ...options, size: 1024 });
    const { pool, queue } = set;
    const batch = fresh(pool, pool.available);
    expect(queue.transmit(batch)).toBe(Math.min(pool.capacity, options.separateHeader ? 512 : 1024));
    batch.free();
    send(set);
    queue.transmit(batch);
    expect(pool.available).toBe(pool.capacity);
  });

  it('drops and counts what no device can send, and goes on', () => {
    const set = transmitter(options);
    const { pool, queue } = set;
    const batch = fresh(pool, 9);
    [60, 13, 14, 0, 1514, 1515, 2048, 70, 80].forEach((length, i) => {
      pool.length[batch.packets[i]] = length;
    });
    expect(queue.transmit(batch)).toBe(5);
    expect(queue.dropped).toBe(4);
    expect(send(set).map(({ data }) => data.length)).toEqual([60, 14, 1514, 70, 80]);
    queue.reclaim();
    expectConserved(pool);
  });

  it('rings once per burst, and only if the device wants it', () => {
    const set = transmitter(options);
    const { device, pool, queue, kicks } = set;
    const burst = (): void => {
      queue.transmit(fresh(pool, 5));
      send(set);
    };
    burst();
    expect(kicks.count).toBe(1);
    if (options.eventIndex) device.listen(7, true);
    else device.hush(false);
    burst();
    expect(kicks.count).toBe(1);
    if (!options.eventIndex) device.listen(0, false);
    burst();
    expect(kicks.count).toBe(2);
    queue.transmit(new PacketBatch(1, pool));
    expect(kicks.count).toBe(2);
  });

  it('never asks for an interrupt', () => {
    const set = transmitter({ ...options, checked: false });
    const { pool, queue, device } = set;
    for (let i = 0; i < 66_000; i++) {
      expect(device.interruptsNext(options.eventIndex ?? false)).toBe(false);
      const batch = new PacketBatch(1, pool);
      batch.allocate(pool, 1);
      pool.length[batch.packets[0]] = 60;
      queue.transmit(batch);
      device.use(device.take()?.id ?? 0, 0);
    }
  });

  it('sends chains, and packets whose headroom was moved', () => {
    const set = transmitter({ ...options, maximumFrame: 9018, size: 16 });
    const { pool, queue } = set;
    for (let round = 0; round < 50; round++) {
      const batch = new PacketBatch(4, pool);
      batch.push(chain(pool, [2048, 100, 1 + round]));
      const [moved, cramped] = fresh(pool, 2).packets;
      pool.trimFront(moved, 20);
      pool.prepend(cramped, 60); // no room for a header in front
      batch.push(moved);
      batch.push(cramped);
      const expected = [...batch.packets.subarray(0, 3)].map((packet) => dataOf(pool, packet));
      expect(queue.transmit(batch)).toBe(3);
      const sent = send(set);
      expect(sent.map(({ data }) => data)).toEqual(expected);
      expect(sent.flatMap(({ header }) => header).every((byte) => byte === 0)).toBe(true);
      queue.transmit(new PacketBatch(1, pool));
    }
    expect(queue.dropped).toBe(0);
    queue.reclaim();
    expectConserved(pool);
  });

  it('drops chains that are longer than the ring, or than any frame', () => {
    const set = transmitter({ ...options, maximumFrame: 9018, size: 8 });
    const { pool, queue } = set;
    const batch = new PacketBatch(4, pool);
    batch.push(chain(pool, new Array(9).fill(20)));
    batch.push(chain(pool, [2048, 2048, 2048, 2048, 2048]));
    batch.push(chain(pool, [20, 0, 20]));
    batch.push(chain(pool, [20, 20]));
    expect(queue.transmit(batch)).toBe(1);
    expect(queue.dropped).toBe(3);
    queue.reclaim();
    expectConserved(pool);
  });

  it('returns packets of several pools each to its own', () => {
    const set = transmitter(options);
    const { domain, pool, queue } = set;
    const other = createPacketPool(testMemory(2 ** 21), { checked: options.checked ?? true });
    for (let round = 0; round < 20; round++) {
      for (const source of [pool, other, other]) expect(queue.transmit(fresh(source, 3))).toBe(3);
      if (round % 3 === 0) send(set);
    }
    expect(pool.available).toBeLessThan(pool.capacity);
    queue.reclaim();
    expectConserved(pool);
    expectConserved(other);
    expect([...domain.mapped.keys()]).not.toContain(other.memory);
  });
});

describe('open checksums', () => {
  /** A frame whose last 20 bytes are covered by a checksum at their 4th byte, with 0x1234 of pseudo header in it. */
  function open(pool: PacketPool): PacketBatch {
    const batch = fresh(pool, 1);
    pool.requestChecksum(batch.packets[0], 40, 4);
    pool.bytes[batch.offsets[0] + 44] = 0x12;
    pool.bytes[batch.offsets[0] + 45] = 0x34;
    return batch;
  }

  it('are left to a device that takes them', () => {
    const set = transmitter({ transmitChecksum: true });
    set.queue.transmit(open(set.pool));
    const [{ header, data }] = send(set);
    expect(header).toEqual([1, 0, 0, 0, 0, 0, 40, 0, 4, 0, 0, 0]);
    expect(data.slice(44, 46)).toEqual([0x12, 0x34]);
  });

  it('are completed for all others', () => {
    const set = transmitter();
    set.queue.transmit(open(set.pool));
    const [{ header, data }] = send(set);
    expect(header).toEqual(new Array(12).fill(0));
    let sum = 0x1234; // over the pseudo header, and over the covered bytes with their checksum
    for (let i = 40; i < 60; i += 2) sum += (data[i] << 8) | data[i + 1];
    expect(((sum & 0xffff) + (sum >> 16)) & 0xffff).toBe(0xffff);
  });

  it('outside of their packet are not sent', () => {
    const set = transmitter();
    const batch = open(set.pool);
    set.pool.length[batch.packets[0]] = 45;
    expect(set.queue.transmit(batch)).toBe(0);
    expect(set.queue.dropped).toBe(1);
  });
});

describe('checked mode', () => {
  it('reports a packet that was written to after it had been sent', () => {
    const set = transmitter();
    const batch = fresh(set.pool, 1);
    const offset = batch.offsets[0];
    set.queue.transmit(batch);
    set.pool.bytes[offset + 3]++;
    send(set);
    expect(() => set.queue.transmit(batch)).toThrow(expect.objectContaining({ code: 'ERR_PACKET_OWNERSHIP' }));
    expect(set.queue.transmit(batch)).toBe(0);
    expectConserved(set.pool);
  });
});

describe('a device that sends in any order', () => {
  it('gives every packet back once', () => {
    const step = fc.record({
      burst: fc.nat(40),
      segments: fc.integer({ min: 1, max: 4 }),
      pick: fc.array(fc.nat(63), { maxLength: 40 }),
    });
    const options = fc.constantFrom(...VARIANTS.filter(([, { inOrder }]) => !inOrder).map(([, variant]) => variant));
    const property = (steps: { burst: number; segments: number; pick: number[] }[], variant: RingOptions): void => {
      const set = transmitter({ ...variant, checked: false, poolBytes: 150 * 2112 });
      const { device, pool, queue } = set;
      const taken: Buffer[] = [];
      for (const { burst, segments, pick } of steps) {
        const batch = new PacketBatch(64, pool);
        for (let i = 0; i < burst && pool.available >= segments; i++) {
          batch.push(
            segments > 1 && i % 5 === 0 ? chain(pool, new Array(segments).fill(30)) : fresh(pool, 1).packets[0],
          );
        }
        queue.transmit(batch);
        batch.free();
        for (let buffer = device.take(); buffer; buffer = device.take()) taken.push(buffer);
        for (const place of pick) {
          const [buffer] = taken.splice(place % Math.max(1, taken.length), 1);
          if (buffer) device.use(buffer.id, 0);
        }
      }
      expect(set.broken).toEqual([]);
      queue.reclaim();
      expectConserved(pool);
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), options, property), { seed: 5, numRuns: 200 });
  });
});
