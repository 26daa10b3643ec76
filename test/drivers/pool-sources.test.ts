import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PoolSources } from '../../src/drivers/pool-sources.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { TestDomain, testMemory } from '../support/memory.ts';

const SLOTS = 8;

/** A ring that knows for itself whose buffer is in which slot, beside the sources that are to find out. */
class ModelRing {
  readonly domain = new TestDomain();
  readonly sources = new PoolSources(this.domain, SLOTS, () => () => 0);
  readonly pools = Array.from({ length: 4 }, (_, i) => new PacketPool(testMemory(2 ** 13), { name: `pool ${i}` }));
  readonly slots: (PacketPool | undefined)[] = new Array(SLOTS).fill(undefined);

  get used(): number {
    return this.slots.filter((pool) => pool !== undefined).length;
  }

  /** One buffer of `pool` enters, if there is room. */
  send(pool: PacketPool): void {
    expect(this.sources.select(pool, this.used).pool).toBe(pool);
    const slot = this.slots.indexOf(undefined);
    if (slot < 0) return;
    this.sources.entered(slot);
    this.slots[slot] = pool;
  }

  /** The buffer in `slot` leaves, if there is one. */
  complete(slot: number): void {
    const pool = this.slots[slot];
    if (!pool) return;
    expect(this.sources.left(slot)?.pool).toBe(pool);
    this.slots[slot] = undefined;
    this.sources.settle();
    expect(this.domain.mapped.has(pool.memory) || pool.closed).toBe(true);
  }
}

describe('the pools that a transmit ring sends from', () => {
  it('are each known by their buffers, in whichever order these leave', () => {
    const step = fc.record({ pool: fc.nat(3), enter: fc.boolean(), slot: fc.nat(SLOTS - 1), close: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const ring = new ModelRing();
        for (const { pool, enter, slot, close } of steps) {
          if (enter) ring.send(ring.pools[pool]);
          else ring.complete(slot);
          const others = ring.slots.some((owner) => owner && owner !== ring.sources.current?.pool);
          expect(ring.sources.mixed).toBe(others);
          for (const owner of ring.slots) if (owner) expect(ring.domain.mapped.has(owner.memory)).toBe(true);
          if (close !== 0) continue;
          ring.pools[pool].close();
          ring.pools[pool] = new PacketPool(testMemory(2 ** 13));
        }
        for (let slot = 0; slot < SLOTS; slot++) ring.complete(slot);
        ring.sources.close();
        expect(ring.domain.mapped.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('are let go when they are closed and their last buffer has left, not before', () => {
    const ring = new ModelRing();
    const [first, second] = ring.pools;
    ring.send(first);
    ring.send(second);
    first.close();
    expect(ring.domain.mapped.has(first.memory)).toBe(true);
    ring.complete(0);
    expect(ring.domain.mapped.has(first.memory)).toBe(false);
    expect(ring.domain.mapped.has(second.memory)).toBe(true);
  });

  it('cannot be selected once they are closed and gone, and nothing changes by trying', () => {
    const ring = new ModelRing();
    const [first, second] = ring.pools;
    ring.send(first);
    second.close();
    expect(() => ring.sources.select(second, 1)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(ring.sources.current?.pool).toBe(first);
    expect(ring.sources.mixed).toBe(false);
  });
});
