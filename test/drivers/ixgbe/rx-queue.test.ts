import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RxQueue } from '../../../src/drivers/ixgbe/rx-queue.ts';
import { createPacketPool } from '../../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { POOL_SPECIAL } from '../../../src/memory/packet-pool.ts';
import { TestDomain, testMemory } from '../../support/memory.ts';
import { BASE, ReceiveSide } from '../../support/ring-device.ts';

function setUp({ size = 128, maximumFrame = 1518, checked = true, memory = 2 ** 21 } = {}) {
  const pool = createPacketPool(testMemory(memory), { checked });
  const device = new ReceiveSide(size, pool);
  const { ring, doorbells } = device;
  const domain = new TestDomain(BASE);
  const queue = new RxQueue({ ring, pool, domain, doorbells, doorbell: 0, maximumFrame, hash: false });
  queue.fill();
  return { pool, device, queue, domain };
}

const END = 3; // DD, EOP
const MORE = 1; // DD

describe.each([true, false])('a receive queue, checked mode %s', (checked) => {
  it('leaves one block of the ring empty, so that the tail never meets the head', () => {
    const { device, pool } = setUp({ checked });
    expect(device.armed).toBe(128 - 32);
    expect(pool.available).toBe(pool.capacity - 96);
  });

  it('arms the shortest ring again before it runs dry', () => {
    const { device, queue } = setUp({ checked, size: 64 });
    const batch = new PacketBatch(16);
    expect(device.armed).toBe(48);
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 16; i++) expect(device.deliver({ length: 60 })).toBe(true);
      expect(queue.receive(batch)).toBe(16);
      batch.free();
      expect(device.armed).toBeGreaterThanOrEqual(32);
    }
  });

  it('delivers frames in order, through many laps of the ring', () => {
    const { device, queue, pool } = setUp({ checked });
    const batch = new PacketBatch(20);
    let expected = 0;
    for (let round = 0; round < 500; round++) {
      const offered = (round * 7) % 30;
      for (let i = 0; i < offered; i++) device.deliver({ length: 60 + i });
      while (queue.receive(batch) > 0) {
        for (let i = 0; i < batch.length; i++) {
          expect(pool.bytes[batch.offsets[i]]).toBe(expected++ & 0xff);
          expect(batch.offsets[i]).toBe(batch.offset(i));
        }
        batch.free();
      }
    }
    expect(expected).toBe(device.sequence);
    expect(expected).toBeGreaterThan(6000);
  });

  it('appends to what a batch holds, up to its capacity', () => {
    const { device, queue } = setUp({ checked });
    const batch = new PacketBatch(8);
    for (let i = 0; i < 12; i++) device.deliver({ length: 60 });
    batch.length = 0;
    expect(queue.receive(batch)).toBe(8);
    expect(queue.receive(batch)).toBe(0);
    const kept = [...batch.packets];
    batch.shift(5);
    expect(queue.receive(batch)).toBe(4);
    expect([...batch.packets.slice(0, 3)]).toEqual(kept.slice(5));
  });

  it('does not deliver a frame twice when the pool is empty and the ring runs dry', () => {
    const { device, queue, pool } = setUp({ checked });
    const hoard = new Int32Array(pool.capacity);
    const held = pool.take(hoard, 0, pool.capacity);
    const batch = new PacketBatch(256);
    while (device.deliver({ length: 60 }));
    expect(queue.receive(batch)).toBe(96);
    for (let i = 0; i < 5; i++) expect(queue.receive(batch)).toBe(0);
    expect(queue.noBuffer).toBeGreaterThan(0);
    expect(device.armed).toBe(0);

    pool.give(hoard, 0, held);
    queue.receive(batch);
    expect(device.armed).toBe(96);
    batch.free();
  });

  it('drops and counts frames whose descriptor makes no sense', () => {
    const { device, queue, pool } = setUp({ checked });
    const batch = new PacketBatch(64);
    device.deliver({ length: 60 });
    device.deliver({ length: 0 });
    device.deliver({ length: 2049 });
    device.deliver({ length: 60, status: MORE });
    device.deliver({ length: 60, status: END | (1 << 29) });
    device.deliver({ length: 61, status: END | (1 << 31) }); // a wrong IP checksum is the application's to judge
    expect(queue.receive(batch)).toBe(2);
    expect([batch.bytesIn(0), batch.bytesIn(1)]).toEqual([60, 61]);
    expect(queue.badFrames).toBe(4);
    batch.free();
    expect(pool.available).toBe(pool.capacity - device.armed);
  });

  it('gives everything back when the device has stopped', () => {
    const { device, queue, pool, domain } = setUp({ checked, maximumFrame: 9018 });
    for (let i = 0; i < 50; i++) device.deliver({ length: 2048, status: i % 3 === 2 ? END : MORE });
    const batch = new PacketBatch(64);
    queue.receive(batch);
    batch.free();
    queue.reclaim();
    expect(queue.receive(batch)).toBe(0);
    expect(pool.available).toBe(pool.capacity);
    expect(domain.mapped.size).toBe(0);
  });

  it('refuses a batch with packets of another pool', () => {
    const { queue, device } = setUp({ checked });
    const batch = new PacketBatch(4);
    batch.allocate(createPacketPool(testMemory(2 ** 21)), 1);
    device.deliver({ length: 60 });
    expect(() => queue.receive(batch)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});

describe.each([true, false])('a receive queue for jumbo frames, checked mode %s', (checked) => {
  it('makes chains of frames that spread over several buffers', () => {
    const { device, queue, pool } = setUp({ checked, maximumFrame: 9018 });
    const batch = new PacketBatch(4);
    device.deliver({ length: 2048, status: MORE });
    expect(queue.receive(batch)).toBe(0);
    device.deliver({ length: 2048, status: MORE });
    device.deliver({ length: 100 });
    device.deliver({ length: 60 });
    expect(queue.receive(batch)).toBe(2);
    expect(pool.totalLength(batch.packets[0])).toBe(4196);
    expect(pool.totalLength(batch.packets[1])).toBe(60);
    expect([...batch.offsets.slice(0, 2)].map((offset) => pool.bytes[offset])).toEqual([0, 3]);
    batch.free();
    expect(pool.available).toBe(pool.capacity - device.armed);
  });

  it('drops a frame with a broken segment whole, and the next one arrives', () => {
    const { device, queue, pool } = setUp({ checked, maximumFrame: 9018 });
    const batch = new PacketBatch(4);
    device.deliver({ length: 2048, status: MORE });
    device.deliver({ length: 4000, status: MORE });
    device.deliver({ length: 10, status: END });
    device.deliver({ length: 2048, status: MORE });
    device.deliver({ length: 10, status: END | (1 << 29) });
    device.deliver({ length: 77 });
    expect(queue.receive(batch)).toBe(1);
    expect(pool.totalLength(batch.packets[0])).toBe(77);
    expect(queue.badFrames).toBe(2);
    batch.free();
    expect(pool.available).toBe(pool.capacity - device.armed);
    expect(pool.state[POOL_SPECIAL]).toBe(0);
  });

  it('drops a frame that ends without saying so, and a frame without end', () => {
    const { device, queue, pool } = setUp({ checked, maximumFrame: 9018 });
    const batch = new PacketBatch(4);
    device.deliver({ length: 2048, status: MORE });
    device.deliver({ length: 100, status: MORE });
    device.deliver({ length: 77 });
    expect(queue.receive(batch)).toBe(1);
    expect(pool.totalLength(batch.packets[0])).toBe(77);
    expect(queue.badFrames).toBe(1);
    batch.free();
    for (let lap = 0; lap < 100; lap++) {
      while (device.deliver({ length: 2048, status: MORE }));
      expect(queue.receive(batch)).toBe(0);
    }
    expect(queue.badFrames).toBe(2);
    device.deliver({ length: 2048 });
    device.deliver({ length: 78 });
    expect(queue.receive(batch)).toBe(1);
    expect(pool.totalLength(batch.packets[0])).toBe(78);
    batch.free();
    expect(pool.available).toBe(pool.capacity - device.armed);
  });

  it('never loses a buffer, whatever the device writes', () => {
    const segment = fc.record({ length: fc.nat(70000), status: fc.integer({ min: 0, max: 0xffff_ffff }) });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 400 }), fc.constantFrom(1518, 9018), (segments, maximumFrame) => {
        const { device, queue, pool } = setUp({ checked, maximumFrame, memory: 2 ** 20 });
        const batch = new PacketBatch(16);
        for (const { length, status } of segments) {
          device.deliver({ length, status: status | 1 });
          queue.receive(batch);
          batch.free();
        }
        while (queue.receive(batch) > 0) batch.free();
        queue.reclaim();
        expect(pool.available).toBe(pool.capacity);
      }),
      { numRuns: 60 },
    );
  });
});
