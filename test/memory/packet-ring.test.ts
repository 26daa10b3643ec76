import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { PacketRing, RingConsumer, RingProducer } from '../../src/memory/packet-ring.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { testMemory } from '../support/memory.ts';

const PAGE = 2 ** 21;

describe('a packet ring', () => {
  it('passes packets', () => {
    const pool = new SharedPool(testMemory(PacketPool.memorySize(512, PAGE)), { members: 2 });
    const ring = new PacketRing(pool, { capacity: 64, producer: 0, consumer: 1 });
    const producer = new RingProducer(ring.share(), pool.view(0));
    const consumer = new RingConsumer(ring.share(), pool.view(1));
    const batch = new PacketBatch(32);
    const taken = new PacketBatch(32);
    const per = pool.capacity / 2;
    for (let i = 0; i < 1000; i++) {
      batch.allocate(pool.view(0), 32);
      expect(producer.transmit(batch)).toBe(32);
      expect(consumer.receive(taken)).toBe(32);
      taken.free();
    }
    producer.pending();
    expect([pool.view(0).available, pool.view(1).available, pool.held(0), pool.held(1)]).toEqual([per, per, per, per]);
  });
});
