import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DmaTranslator } from '../../src/emulation/dma-translator.ts';
import { EmulatedDomain } from '../../src/emulation/iommu.ts';
import { addressHigh, addressLow } from '../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';

const MIB = 2 ** 20;

describe('the emulated IOMMU', () => {
  test('gives addresses above 4 GiB, contiguous and apart from each other', () => {
    const domain = new EmulatedDomain();
    const a = allocatePlainMemory(4 * MIB);
    const b = allocatePlainMemory(4096);
    for (const memory of [a, b]) domain.map(memory);
    expect(domain.addressOf(a, 0)).toBeGreaterThan(2 ** 32);
    expect(domain.addressOf(a, a.size - 1)).toBe(domain.addressOf(a, 0) + a.size - 1);
    expect(domain.addressOf(b, 0)).toBeGreaterThanOrEqual(domain.addressOf(a, 0) + a.size + 2 * MIB);
  });

  test('maps as often as it unmaps', () => {
    const domain = new EmulatedDomain();
    const memory = allocatePlainMemory(4096);
    domain.map(memory);
    domain.map(memory);
    domain.unmap(memory);
    expect(domain.addressOf(memory, 0)).toBeGreaterThan(0);
    domain.unmap(memory);
    const gone = expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' });
    expect(() => domain.addressOf(memory, 0)).toThrow(gone);
    expect(() => domain.unmap(memory)).toThrow(gone);
  });

  test('gives no address beyond the memory', () => {
    const domain = new EmulatedDomain();
    const memory = allocatePlainMemory(4096);
    domain.map(memory);
    for (const offset of [-1, memory.size, Number.NaN]) expect(() => domain.addressOf(memory, offset)).toThrow();
  });

  test('tells followers what is mapped, from the beginning', () => {
    const domain = new EmulatedDomain();
    const [early, late] = [allocatePlainMemory(4096), allocatePlainMemory(4096)];
    const told: string[] = [];
    domain.map(early);
    const follower = {
      mapped: (_memory: unknown, address: number) => told.push(`+${address}`),
      unmapped: (_memory: unknown, address: number) => told.push(`-${address}`),
    };
    domain.follow(follower);
    domain.map(late);
    const [first, second] = [domain.addressOf(early, 0), domain.addressOf(late, 0)];
    domain.unmap(early);
    domain.unfollow(follower);
    domain.unmap(late);
    expect(told).toEqual([`+${first}`, `+${second}`, `-${first}`]);
  });

  test('maps nothing that a follower cannot reach', () => {
    const domain = new EmulatedDomain();
    const memory = allocatePlainMemory(4096);
    domain.follow({
      mapped: () => {
        throw new Error('cannot');
      },
      unmapped: () => {},
    });
    expect(() => domain.map(memory)).toThrow('cannot');
    expect(() => domain.addressOf(memory, 0)).toThrow();
  });
});

describe('translation', () => {
  test('finds every byte, across 4 GiB, and nothing beside the memory', () => {
    const domain = new EmulatedDomain();
    const memories = [allocatePlainMemory(6 * MIB), allocatePlainMemory(4096), allocatePlainMemory(2 * MIB)];
    for (const memory of memories) domain.map(memory);
    expect(addressHigh(domain.addressOf(memories[0], 0))).not.toBe(
      addressHigh(domain.addressOf(memories[0], memories[0].size - 1)),
    );
    const translator = new DmaTranslator(domain.regions);
    const accesses = fc.record({
      which: fc.nat(2),
      offset: fc.integer({ min: -3 * MIB, max: 9 * MIB }),
      length: fc.integer({ min: 1, max: 16384 }),
    });
    const property = fc.property(fc.array(accesses), (list) => {
      for (const { which, offset, length } of list) {
        const address = domain.addressOf(memories[which], 0) + offset;
        const found = translator.translate(addressLow(address), addressHigh(address), length);
        const holder = memories.find((memory) => {
          const first = domain.addressOf(memory, 0);
          return address >= first && address + length <= first + memory.size;
        });
        expect(found).toBe(holder ? address - domain.addressOf(holder, 0) : -1);
        if (holder) expect(translator.region.bytes.buffer).toBe(holder.buffer);
      }
    });
    fc.assert(property, { seed: 82599 });
  });

  test('forgets what was unmapped', () => {
    const domain = new EmulatedDomain();
    const memory = allocatePlainMemory(4096);
    domain.map(memory);
    const address = domain.addressOf(memory, 0);
    const translator = new DmaTranslator(domain.regions);
    expect(translator.translate(addressLow(address), addressHigh(address), 4096)).toBe(0);
    domain.unmap(memory);
    expect(translator.translate(addressLow(address), addressHigh(address), 1)).toBe(-1);
  });
});
