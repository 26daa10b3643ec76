import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { expectConserved, type RingOptions, transmitter } from './ring-set-up.ts';
import type { Buffer } from './split-device.ts';
import { CASES, chain, dataOf, fresh, send, VARIANTS } from './transmit-side.ts';

describe.each(CASES)('a transmit ring: %s', (_, options) => {
  it('hands over each packet behind a header of zeros, in order', () => {
    const set = transmitter(options);
    set.queue.transmit(fresh(set.pool, 1)); // the first burst is never the compiled one
    send(set);
    const batch = fresh(set.pool, 7);
    for (let i = 0; i < 7; i++) set.pool.length[batch.packets[i]] = 60 + i;
    const expected = [...batch.packets.subarray(0, 7)].map((packet) => ({
      header: new Array(set.features.headerBytes).fill(0),
      data: dataOf(set.pool, packet),
    }));
    expect(set.queue.transmit(batch)).toBe(7);
    expect(batch.length).toBe(0);
    expect(send(set)).toEqual(expected);
    expect([set.queue.packets, set.queue.bytes]).toEqual([8, 8 * 60 + 21]);
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
    const events = options.eventIndex ?? false;
    device.hush(events);
    burst();
    expect(kicks.count).toBe(1);
    device.listen(4, events); // the last buffer of the next burst, or any
    burst();
    expect(kicks.count).toBe(2);
    device.listen(5, events); // the first one after the next burst
    burst();
    expect(kicks.count).toBe(events ? 2 : 3);
    burst();
    const count = events ? 3 : 4;
    expect(kicks.count).toBe(count);
    queue.transmit(new PacketBatch(1, pool));
    expect(kicks.count).toBe(count);
  });
});

describe.each(VARIANTS)('a transmit ring: %s', (_, options) => {
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
