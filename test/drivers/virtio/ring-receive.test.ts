import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { bytesOf, deliver, frame, RING_VARIANTS } from './receive-side.ts';
import { expectConserved, type RingOptions, receiver } from './ring-set-up.ts';
import type { Buffer } from './split-device.ts';

const CASES = RING_VARIANTS.flatMap(([name, options]) =>
  [true, false].map((checked): [string, RingOptions] => [`${name}, checked mode ${checked}`, { ...options, checked }]),
);

describe.each(CASES)('a receive ring: %s', (_, options) => {
  it('gives the device every buffer, with room for header and data', () => {
    const { device, queue, pool, features } = receiver(options);
    const buffers = options.separateHeader ? 32 : 64;
    expect(device.pending).toBe(buffers);
    expect(pool.available).toBe(pool.capacity - buffers);
    for (let buffer = device.take(); buffer; buffer = device.take()) {
      expect(buffer.writable).toBe(true);
      const lengths = buffer.pieces.map((piece) => piece.length);
      const { headerBytes } = features;
      expect(lengths).toEqual(options.separateHeader ? [headerBytes, pool.dataSize] : [headerBytes + pool.dataSize]);
    }
    queue.reclaim();
    expectConserved(pool);
  });

  it('delivers frames in order through many laps of the ring and of the 16-bit index', () => {
    const set = receiver(options);
    const { queue, device, pool } = set;
    const batch = new PacketBatch(20);
    let sent = 0;
    let received = 0;
    for (let round = 0; sent < (options.checked ? 5000 : 70_000); round++) {
      for (let i = (round * 7) % 30; i > 0; i--) {
        const length = 60 + (sent % 5);
        const [buffer] = deliver(set, new Uint8Array([sent, sent >> 8, sent >> 16]), {}, false);
        if (!buffer) break;
        device.use(buffer.id, set.features.headerBytes + length);
        sent++;
      }
      while (queue.receive(batch) > 0) {
        for (let i = 0; i < batch.length; i++) {
          const at = batch.offsets[i];
          const number = pool.bytes[at] | (pool.bytes[at + 1] << 8) | (pool.bytes[at + 2] << 16);
          if (number !== received || batch.bytesIn(i) !== 60 + (received % 5) || at !== batch.offset(i)) {
            expect.fail(`frame ${received} came as ${number}, ${batch.bytesIn(i)} bytes at ${at}`);
          }
          received++;
        }
        batch.free();
      }
    }
    expect(received).toBe(sent);
    expect(queue.packets).toBe(sent);
    expect(queue.bytes).toBeGreaterThan(60 * sent);
    queue.reclaim();
    expectConserved(pool);
  });

  it('appends to what a batch holds, up to its capacity', () => {
    const set = receiver(options);
    const batch = new PacketBatch(8);
    for (let i = 0; i < 12; i++) deliver(set, frame(i, 60));
    expect(set.queue.receive(batch)).toBe(8);
    expect(set.queue.receive(batch)).toBe(0);
    const kept = [...batch.packets];
    batch.shift(5);
    expect(set.queue.receive(batch)).toBe(4);
    expect([...batch.packets.slice(0, 3)]).toEqual(kept.slice(5));
  });

  it('hands over what is there when the pool is empty, and fills the ring once packets come back', () => {
    const set = receiver(options);
    const { queue, device, pool } = set;
    const buffers = device.pending;
    const hoard = new Int32Array(pool.capacity);
    const held = pool.take(hoard, 0, pool.capacity);
    const batch = new PacketBatch(256);
    while (deliver(set, frame(1, 60)).length > 0);
    expect(queue.receive(batch)).toBe(buffers);
    for (let i = 0; i < 5; i++) expect(queue.receive(batch)).toBe(0);
    expect(queue.noBuffer).toBeGreaterThan(0);
    expect(device.pending).toBe(0);
    pool.give(hoard, 0, held);
    queue.receive(batch);
    expect(device.pending).toBe(buffers);
    batch.free();
    queue.reclaim();
    expectConserved(pool);
  });

  it('works with a pool that fills half of the ring', () => {
    const set = receiver({ ...options, poolBytes: 40 * 2112, size: 128 });
    expect(set.pool.capacity).toBe(40);
    const batch = new PacketBatch(64);
    let received = 0;
    for (let round = 0; round < 200; round++) {
      while (deliver(set, frame(round, 60)).length > 0);
      received += set.queue.receive(batch);
      batch.free();
    }
    expect(received).toBeGreaterThan(3000);
    set.queue.reclaim();
    expectConserved(set.pool);
  });

  it('drops and counts frames of impossible lengths, and goes on', () => {
    const set = receiver(options);
    const { queue, device, pool, features } = set;
    const batch = new PacketBatch(64);
    const most = features.headerBytes + pool.dataSize;
    for (const length of [0, features.headerBytes, features.headerBytes + 1, most, most + 1, 0xffff_ffff]) {
      const [buffer] = deliver(set, frame(9, 60), {}, false);
      device.use(buffer.id, length);
    }
    deliver(set, frame(5, 77));
    expect(queue.receive(batch)).toBe(3);
    expect([0, 1, 2].map((i) => batch.bytesIn(i))).toEqual([1, pool.dataSize, 77]);
    expect(bytesOf(set, batch.packets[2])).toEqual([...frame(5, 77)]);
    expect(queue.badFrames).toBe(4);
    expect(set.broken).toEqual([]);
    batch.free();
    queue.reclaim();
    expectConserved(pool);
  });

  it('rings once for many buffers, and not at all if the device does not want it', () => {
    const set = receiver(options);
    const { queue, device, kicks } = set;
    const batch = new PacketBatch(8);
    expect(kicks.count).toBe(1);
    const eventIndex = options.eventIndex ?? false;
    const pass = (): void => {
      for (let i = 0; i < 64; i++) {
        deliver(set, frame(i, 60));
        queue.receive(batch);
        batch.free();
      }
    };
    device.hush(eventIndex);
    pass();
    expect(kicks.count).toBe(1);
    device.listen(0, eventIndex);
    pass();
    const times = eventIndex ? 1 : options.separateHeader ? 8 : 4;
    expect(kicks.count).toBe(1 + times);
  });
});

describe.each([
  ['split', true],
  ['split', false],
  ['packed', true],
  ['packed', false],
] as const)('a %s receive ring with event indices %s', (kind, eventIndex) => {
  it('asks for interrupts only while they are armed', () => {
    const set = receiver({ kind, eventIndex, checked: false });
    const { queue, device } = set;
    const batch = new PacketBatch(64);
    const pass = (count: number): number => {
      let interrupts = 0;
      for (let i = 0; i < count; i++) {
        if (device.interruptsNext(eventIndex)) interrupts++;
        deliver(set, frame(i, 60));
        queue.receive(batch);
        batch.free();
      }
      return interrupts;
    };
    expect(pass(66_000)).toBe(0);
    queue.enableInterrupt();
    expect(device.interruptsNext(eventIndex)).toBe(true);
    expect(pass(50)).toBe(eventIndex ? 1 : 50);
    queue.disableInterrupt();
    expect(pass(66_000)).toBe(0);
  });
});

describe('a device that uses buffers in any order', () => {
  it('gets each of them back, and none is lost', () => {
    const step = fc.record({
      take: fc.nat(40),
      pick: fc.array(fc.nat(63), { maxLength: 40 }),
      room: fc.integer({ min: 1, max: 64 }),
    });
    const property = (steps: { take: number; pick: number[]; room: number }[], options: RingOptions): void => {
      const set = receiver({ ...options, poolBytes: 100 * 2112 });
      const { queue, device, pool } = set;
      const held: Buffer[] = [];
      const kept: number[] = [];
      let sent = 0;
      for (const { take, pick, room } of steps) {
        for (let i = 0; i < take; i++) held.push(...deliver(set, frame(sent, 60), {}, false));
        for (const place of pick) {
          const [buffer] = held.splice(place % Math.max(1, held.length), 1);
          if (!buffer) continue;
          device.use(buffer.id, set.features.headerBytes + 60);
          sent++;
        }
        const batch = new PacketBatch(room);
        queue.receive(batch);
        for (let i = 0; i < batch.length; i++) {
          expect(batch.bytesIn(i)).toBe(60);
          kept.push(batch.packets[i]);
        }
        while (kept.length > 30) pool.free(kept.shift() ?? 0);
      }
      expect(set.broken).toEqual([]);
      queue.reclaim();
      expectConserved(pool, kept);
    };
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom(...RING_VARIANTS.filter(([, o]) => !o.inOrder)),
        (steps, [, options]) => property(steps, options),
      ),
      { seed: 4, numRuns: 200 },
    );
  });
});
