import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPacketPool } from '../../src/memory/checked-pool.ts';
import { closeChecksum } from '../../src/memory/complete-checksum.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import {
  CHECKSUM_PARTIAL,
  DEFAULT_HEADROOM,
  NO_PACKET,
  PacketPool,
  POOL_MOVED,
  POOL_SPECIAL,
  SLOT_STRIDE,
} from '../../src/memory/packet-pool.ts';
import { TestDomain, testMemory } from '../support/memory.ts';

const PAGE = 2 ** 21;

describe('a packet pool', () => {
  it('holds at least as many packets as its memory was sized for', () => {
    const pageSizes = fc.constantFrom(4096, 2 ** 14, 2 ** 16, PAGE, 2 ** 30);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), pageSizes, (packets, pageSize) => {
        const size = PacketPool.memorySize(packets, pageSize);
        expect(size % pageSize).toBe(0);
        if (size > 2 ** 26) return;
        expect(new PacketPool(testMemory(size, pageSize)).capacity).toBeGreaterThanOrEqual(packets);
      }),
      { numRuns: 40 },
    );
  });

  it('never hands out a buffer that straddles a page', () => {
    for (const pageSize of [4096, 65536, PAGE]) {
      const pool = new PacketPool(testMemory(2 * PAGE, pageSize));
      for (let packet = pool.allocate(); packet !== NO_PACKET; packet = pool.allocate()) {
        const first = pool.offset(packet) - DEFAULT_HEADROOM;
        expect(Math.floor(first / pageSize)).toBe(Math.floor((first + SLOT_STRIDE - 1) / pageSize));
      }
    }
  });

  it('hands out each packet once and takes all of them back', () => {
    const pool = new PacketPool(testMemory(PAGE));
    const seen = new Set<number>();
    for (let packet = pool.allocate(); packet !== NO_PACKET; packet = pool.allocate()) seen.add(packet);
    expect(seen.size).toBe(pool.capacity);
    expect(pool.available).toBe(0);
    for (const packet of seen) pool.free(packet);
    expect(pool.available).toBe(pool.capacity);
  });

  it('moves data within its slot, and forgets it when the packet is freed', () => {
    const pool = new PacketPool(testMemory(PAGE));
    const packet = pool.allocate();
    pool.length[packet] = 60;
    const before = pool.offset(packet);
    pool.prepend(packet, 8);
    expect([pool.offset(packet), pool.length[packet]]).toEqual([before - 8, 68]);
    pool.trimFront(packet, 14);
    expect([pool.offset(packet), pool.length[packet]]).toEqual([before + 6, 54]);
    expect(() => pool.prepend(packet, 71)).toThrow(/from 0 to 70, found 71/);
    expect(() => pool.trimFront(packet, 55)).toThrow(/from 0 to 54, found 55/);
    pool.give(Int32Array.of(packet), 0, 1);
    const again = pool.allocate();
    expect(again).toBe(packet);
    expect(pool.offset(again)).toBe(before);
  });

  it.each([false, true])('counts links and open checksums, whatever becomes of them; checked mode %s', (checked) => {
    const step = fc.tuple(
      fc.constantFrom('take', 'free', 'give', 'chain', 'unlink', 'ask', 'complete', 'move'),
      fc.nat(15),
    );
    const property = (steps: [string, number][]): void => {
      const pool = createPacketPool(testMemory(8 * SLOT_STRIDE, PAGE), { checked });
      const heads: number[] = [];
      for (const [action, pick] of steps) {
        const [packet] = heads.slice(pick % (heads.length || 1));
        if (action === 'take') {
          const fresh = pool.allocate();
          if (fresh === NO_PACKET) continue;
          pool.length[fresh] = 60;
          heads.push(fresh);
        }
        if (packet === undefined) continue;
        if (action === 'free') pool.free(packet);
        if (action === 'give') pool.give(Int32Array.of(packet), 0, 1);
        if (action === 'free' || action === 'give') heads.splice(heads.indexOf(packet), 1);
        if (action === 'chain' && heads.length > 1 && packet !== heads[0]) {
          pool.chain(heads[0], packet);
          heads.splice(heads.indexOf(packet), 1);
        }
        if (action === 'chain') pool.chain(packet === heads[0] ? packet : heads[0], NO_PACKET);
        const cut = action === 'unlink' ? pool.unlink(packet) : NO_PACKET;
        if (cut !== NO_PACKET) heads.push(cut);
        if (action === 'ask' && pool.length[packet] >= 30) pool.requestChecksum(packet, 20, 6);
        if (action === 'complete') closeChecksum(pool, packet);
        if (action === 'move' && pool.length[packet] > 4) pool.trimFront(packet, 4);
        const links = pool.next.filter((next) => next !== NO_PACKET).length;
        const open = pool.offloads.filter((bits) => (bits & CHECKSUM_PARTIAL) !== 0).length;
        expect(pool.state[POOL_SPECIAL]).toBe(links + open);
      }
      for (const packet of heads) pool.free(packet);
      expect([pool.state[POOL_SPECIAL], pool.state[POOL_MOVED], pool.available]).toEqual([0, 0, pool.capacity]);
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), property), { seed: 5, numRuns: 300 });
  });

  it('frees a chain with its head, from a batch too', () => {
    const pool = new PacketPool(testMemory(PAGE));
    const batch = new PacketBatch(4);
    batch.allocate(pool, 3);
    const [a, b, c] = batch.packets;
    for (const packet of [a, b, c]) pool.length[packet] = 1000;
    pool.chain(a, b);
    pool.chain(a, c);
    expect(pool.totalLength(a)).toBe(3000);
    batch.length = 1;
    batch.free();
    expect(pool.available).toBe(pool.capacity);
    expect(pool.next[a]).toBe(NO_PACKET);
  });

  it('keeps its count through any sequence of allocations and frees', () => {
    const step = fc.record({ free: fc.boolean(), count: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new PacketPool(testMemory(PAGE));
        const held: number[] = [];
        for (const { free, count } of steps) {
          const packets = new Int32Array(count);
          if (free) {
            const back = Int32Array.from(held.splice(0, count));
            pool.give(back, 0, back.length);
          } else {
            held.push(...packets.slice(0, pool.take(packets, 0, count)));
          }
          expect(new Set(held).size).toBe(held.length);
          expect(pool.available).toBe(pool.capacity - held.length);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('a pool in an address space', () => {
  it('says where the data of each packet is', () => {
    const pool = new PacketPool(testMemory(PAGE));
    const base = 0x7_ffff_0000;
    const { words } = pool.retain(new TestDomain(base));
    const packet = pool.allocate();
    const address = (words[2 * packet + 1] >>> 0) * 2 ** 32 + (words[2 * packet] >>> 0);
    expect(address).toBe(base + pool.offset(packet));
  });

  it('is mapped once however many use it, and frees its memory after the last', () => {
    const memory = testMemory(PAGE);
    const pool = new PacketPool(memory);
    const domain = new TestDomain();
    pool.retain(domain);
    pool.retain(domain);
    expect(domain.mapped.get(memory)).toBe(1);
    pool.close();
    pool.release(domain);
    expect(memory.freed).toBe(false);
    pool.release(domain);
    expect([memory.freed, domain.mapped.size]).toEqual([true, 0]);
    expect(() => pool.retain(domain)).toThrow(/closed/);
    expect(() => pool.release(domain)).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
  });

  it('refuses memory that holds no packet', () => {
    expect(() => new PacketPool(testMemory(2048, 2048))).toThrow(/hold no packet/);
  });
});

describe('a batch', () => {
  it('knows where its packets begin', () => {
    const pool = new PacketPool(testMemory(PAGE));
    const batch = new PacketBatch(8, pool);
    expect(batch.allocate(pool, 100)).toBe(8);
    for (let i = 0; i < batch.length; i++) {
      expect(batch.offsets[i]).toBe(batch.offset(i));
      expect(batch.offset(i)).toBe(pool.offset(batch.packets[i]));
    }
    pool.prepend(batch.packets[0], 4);
    expect(batch.offset(0)).toBe(batch.offsets[0] - 4);
  });

  it('keeps what is left at its front', () => {
    const pool = new PacketPool(testMemory(PAGE));
    const batch = new PacketBatch(8);
    batch.allocate(pool, 5);
    const [, , c, d, e] = batch.packets;
    batch.shift(2);
    expect([...batch.packets.slice(0, batch.length)]).toEqual([c, d, e]);
    expect(batch.offsets[0]).toBe(pool.offset(c));
  });

  it('refuses packets of another pool while it holds some, and more than it has room for', () => {
    const [one, other] = [new PacketPool(testMemory(PAGE)), new PacketPool(testMemory(PAGE))];
    const batch = new PacketBatch(1);
    batch.allocate(one, 1);
    expect(() => batch.allocate(other, 1)).toThrow(/empty it first/);
    expect(() => batch.push(one.allocate())).toThrow(/full/);
    batch.free();
    expect(batch.allocate(other, 1)).toBe(1);
    expect(() => new PacketBatch(0)).toThrow(/from 1 to 4096/);
  });
});
