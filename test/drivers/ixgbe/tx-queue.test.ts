import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TxQueue } from '../../../src/drivers/ixgbe/tx-queue.ts';
import { createPacketPool } from '../../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { type PacketPool, POOL_SPECIAL } from '../../../src/memory/packet-pool.ts';
import { TestDomain, type TestMemory, testMemory } from '../../support/memory.ts';
import { BASE, TransmitSide } from '../../support/ring-device.ts';

function setUp({ size = 128, maximumFrame = 1518, checked = true } = {}) {
  const pool = createPacketPool(testMemory(2 ** 21), { checked });
  const device = new TransmitSide(size);
  const { ring, doorbells } = device;
  const domain = new TestDomain(BASE);
  const queue = new TxQueue({ ring, domain, doorbells, doorbell: 0, maximumFrame, readHead: () => device.head });
  return { pool, device, queue, domain };
}

/** A batch of `count` fresh packets of `length` bytes, as far as the pool has them. */
function fresh(pool: PacketPool, count: number, length = 60): PacketBatch {
  const batch = new PacketBatch(Math.max(count, 1), pool);
  batch.allocate(pool, count);
  for (let i = 0; i < batch.length; i++) pool.length[batch.packets[i]] = length;
  return batch;
}

describe.each([true, false])('a transmit queue, checked mode %s', (checked) => {
  it('hands over address and length of each packet, in order', () => {
    const { pool, device, queue } = setUp({ checked });
    const batch = fresh(pool, 5);
    const expected = [...batch.offsets.slice(0, 5)].map((offset, i) => ({
      offset,
      length: 60 + i,
      end: true,
      payload: 60 + i,
    }));
    for (let i = 0; i < 5; i++) pool.length[batch.packets[i]] = 60 + i;
    expect(queue.transmit(batch)).toBe(5);
    expect(batch.length).toBe(0);
    device.send();
    expect(device.sent).toEqual(expected);
  });

  it('says how much waits, also of blocks that are never reported, until it is stopped', () => {
    const { pool, device, queue } = setUp({ checked });
    expect(queue.pending()).toBe(0);
    queue.transmit(fresh(pool, 5));
    expect(queue.pending()).toBe(5);
    device.send(2);
    expect(queue.pending()).toBe(3);
    device.send();
    expect(queue.pending()).toBe(0);
    queue.transmit(fresh(pool, 5));
    queue.stop();
    expect(queue.pending()).toBe(0);
  });

  it('completes checksums that were left open, and drops packets whose checksum lies outside', () => {
    const { pool, device, queue } = setUp({ checked });
    const batch = fresh(pool, 2);
    const [packet, cut] = batch.packets;
    const offset = pool.offset(packet);
    pool.bytes.fill(0, offset, offset + 60);
    pool.bytes[offset + 40] = 0x12;
    pool.requestChecksum(packet, 40, 4);
    pool.requestChecksum(cut, 40, 4);
    pool.length[cut] = 45;
    expect(queue.transmit(batch)).toBe(1);
    expect(queue.dropped).toBe(1);
    device.send();
    expect([...pool.bytes.subarray(offset + 44, offset + 46)]).toEqual([0xed, 0xff]);
  });

  it('asks for one report in 32 packets, and takes packets back by it', () => {
    const { pool, device, queue } = setUp({ checked });
    for (let i = 0; i < 1000; i++) {
      const batch = fresh(pool, 1 + (i % 13));
      queue.transmit(batch);
      expect(batch.length).toBe(0);
      device.send();
    }
    expect(device.reports).toBe(Math.floor(device.sent.length / 32));
    expect(pool.capacity - pool.available).toBeLessThan(128);
  });

  it('takes packets back when their pool runs short, however much room the ring has', () => {
    const { pool, device, queue } = setUp({ checked, size: 4096 });
    const batch = fresh(pool, pool.available);
    const sent = queue.transmit(batch);
    expect(sent).toBe(pool.capacity);
    device.send();
    expect(pool.available).toBe(0);
    expect(queue.transmit(batch)).toBe(0);
    expect(pool.available).toBe(sent - (sent % 32));
  });

  it('leaves what does not fit in the batch, at its front', () => {
    const { pool, device, queue } = setUp({ checked });
    const batch = fresh(pool, 200);
    const packets = [...batch.packets];
    expect(queue.transmit(batch)).toBe(127);
    expect([...batch.packets.slice(0, batch.length)]).toEqual(packets.slice(127));
    expect(queue.transmit(batch)).toBe(0);
    device.send(64);
    expect(queue.transmit(batch)).toBe(64);
    expect(batch.length).toBe(9);
    batch.free();
  });

  it('takes nothing once it has stopped, from pools it knows or not', () => {
    const { pool, queue, domain } = setUp({ checked });
    queue.transmit(fresh(pool, 3));
    queue.reclaim();
    for (const source of [pool, createPacketPool(testMemory(2 ** 21), { checked })]) {
      const batch = fresh(source, 2);
      expect(queue.transmit(batch)).toBe(0);
      expect(batch.length).toBe(2);
      batch.free();
    }
    expect(domain.mapped.size).toBe(0);
  });

  it('rings the doorbell once per burst, and not at all for nothing', () => {
    const { pool, device, queue } = setUp({ checked });
    expect(queue.transmit(fresh(pool, 0))).toBe(0);
    expect(device.doorbells[0]).toBe(0);
    queue.transmit(fresh(pool, 7));
    expect(device.doorbells[0]).toBe(7);
  });

  it('drops and counts what the device cannot send, and sends the rest', () => {
    const { pool, device, queue } = setUp({ checked });
    const batch = fresh(pool, 6);
    pool.length[batch.packets[0]] = 0;
    pool.length[batch.packets[2]] = 16;
    pool.length[batch.packets[5]] = 1519;
    expect(queue.transmit(batch)).toBe(3);
    expect(batch.length).toBe(0);
    expect(queue.dropped).toBe(3);
    device.send();
    expect(device.sent.length).toBe(3);
    queue.reclaim();
    expect(pool.available).toBe(pool.capacity);
  });

  it('sends chains as one frame of several descriptors, with one report beyond each block', () => {
    const { pool, device, queue } = setUp({ checked, maximumFrame: 9018 });
    for (let round = 0; round < 60; round++) {
      const batch = fresh(pool, 5, 1000);
      const [head, ...tail] = batch.packets;
      for (const segment of tail) pool.chain(head, segment);
      batch.length = 1;
      expect(queue.transmit(batch)).toBe(1);
      device.send();
    }
    expect(device.sent.length).toBe(300);
    expect(device.sent.map(({ end }) => end)).toEqual(device.sent.map((_, i) => i % 5 === 4));
    expect(device.sent.every(({ payload }) => payload === 5000)).toBe(true);
    queue.reclaim();
    expect(pool.available).toBe(pool.capacity);
  });

  it('sends a packet from where its data begins', () => {
    const { pool, device, queue } = setUp({ checked });
    const batch = fresh(pool, 1);
    pool.prepend(batch.packets[0], 14);
    const offset = batch.offset(0);
    queue.transmit(batch);
    device.send();
    expect(device.sent[0]).toMatchObject({ offset, length: 74 });
    queue.reclaim();
    const again = fresh(pool, 1);
    expect(again.offset(0)).toBe(offset + 14);
    again.free();
  });

  it('returns packets of several pools each to its own', () => {
    const { pool, device, queue, domain } = setUp({ checked });
    const other = createPacketPool(testMemory(2 ** 21), { checked });
    for (let i = 0; i < 400; i++) {
      const batch = fresh(i % 3 === 0 ? other : pool, (i * 5) % 17);
      queue.transmit(batch);
      batch.free();
      device.send((i * 7) % 23);
    }
    device.send();
    queue.reclaim();
    expect([pool.available, other.available]).toEqual([pool.capacity, other.capacity]);
    expect(domain.mapped.size).toBe(0);
  });

  it('sends from any number of pools, one after another, and lets go of those that are closed', () => {
    const { device, queue, domain } = setUp({ checked });
    const memories: TestMemory[] = [];
    for (let i = 0; i < 600; i++) {
      const memory = testMemory(2 ** 17);
      memories.push(memory);
      const pool = createPacketPool(memory, { checked });
      expect(queue.transmit(fresh(pool, 32))).toBe(32);
      device.send();
      pool.close();
    }
    expect(memories.filter(({ freed }) => !freed).length).toBeLessThanOrEqual(128 / 32);
    queue.reclaim();
    expect(memories.every(({ freed }) => freed)).toBe(true);
    expect(domain.mapped.size).toBe(0);
  });

  it('keeps some pools for when they are used again, but not every one it ever met', () => {
    const { device, queue, domain } = setUp({ checked });
    const pools = Array.from({ length: 400 }, () => createPacketPool(testMemory(2 ** 17), { checked }));
    for (const pool of [...pools, ...pools]) {
      expect(queue.transmit(fresh(pool, 32))).toBe(32);
      device.send();
    }
    expect(domain.mapped.size).toBeLessThanOrEqual(256);
    queue.reclaim();
    expect(pools.every((pool) => pool.available === pool.capacity)).toBe(true);
  });

  it('holds packets of as many pools as it has descriptors', () => {
    const { device, queue, domain } = setUp({ checked, size: 512 });
    const pools = Array.from({ length: 511 }, () => createPacketPool(testMemory(2 ** 13), { checked }));
    for (const pool of pools) expect(queue.transmit(fresh(pool, 1))).toBe(1);
    expect(domain.mapped.size).toBe(511);
    device.send();
    expect(device.sent.length).toBe(511);
    queue.reclaim();
    expect(pools.every((pool) => pool.available === pool.capacity)).toBe(true);
    expect(domain.mapped.size).toBe(0);
  });

  it('keeps every packet through any mixture of bursts, chains and completions', () => {
    const step = fc.record({
      count: fc.nat(90),
      length: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 17, max: 1518 }) }, fc.nat(70000)),
      segments: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 45 })),
      second: fc.boolean(),
      send: fc.nat(130),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const { pool, device, queue } = setUp({ checked, maximumFrame: 9018 });
        const other = createPacketPool(testMemory(2 ** 21), { checked });
        let queued = 0;
        for (const { count, length, segments, second, send } of steps) {
          const source = second ? other : pool;
          const batch = fresh(source, segments > 1 ? segments : count, length);
          for (let i = 1; segments > 1 && i < batch.length; i++) source.chain(batch.packets[0], batch.packets[i]);
          if (segments > 1) batch.length = Math.min(batch.length, 1);
          queued += queue.transmit(batch);
          batch.free();
          device.send(send);
        }
        device.send();
        expect(device.sent.filter(({ end }) => end).length).toBe(queued);
        queue.reclaim();
        expect([pool.available, other.available]).toEqual([pool.capacity, other.capacity]);
        expect([pool.state[POOL_SPECIAL], other.state[POOL_SPECIAL]]).toEqual([0, 0]);
      }),
      { numRuns: 80 },
    );
  });
});

describe('a transmit queue in checked mode', () => {
  it('catches a packet that is sent twice', () => {
    const { pool, queue } = setUp();
    const batch = fresh(pool, 1);
    const [packet] = batch.packets;
    queue.transmit(batch);
    batch.push(packet);
    expect(() => queue.transmit(batch)).toThrow(/cannot be sent: it belongs to a transmit ring/);
  });

  it('catches such a write too when the ring holds a packet of the same number from another pool', () => {
    const { pool, device, queue } = setUp();
    const other = createPacketPool(testMemory(2 ** 21), { checked: true });
    const first = fresh(pool, 40);
    const [packet] = first.packets;
    queue.transmit(first);
    queue.transmit(fresh(other, 40));
    pool.bytes[pool.offset(packet)]++;
    device.send();
    expect(() => queue.transmit(new PacketBatch(1))).toThrow(`packet ${packet} was written to after it had been sent`);
  });

  it('catches a write to a packet that the device owns, and names it', () => {
    const { pool, device, queue } = setUp();
    const batch = fresh(pool, 32);
    const [packet] = batch.packets;
    const offset = batch.offsets[0];
    queue.transmit(batch);
    pool.bytes[offset + 3] ^= 1;
    device.send();
    const next = fresh(pool, 1);
    expect(() => queue.transmit(next)).toThrow(new RegExp(`packet ${packet} was written to after it had been sent`));
    expect(device.doorbells[0]).toBe(33);
  });
});
