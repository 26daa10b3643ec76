import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AddressRange, IovaAllocator } from '../../../src/pci/vfio/iova-allocator.ts';

const MIB = 2 ** 20;
const HUGE = 2 * MIB;

describe('addresses for devices', () => {
  it('are the lowest that fit, above the first 2 MiB', () => {
    const allocator = new IovaAllocator([{ start: 0, end: 2 ** 39 }]);
    expect(allocator.allocate(4096, 4096)).toBe(HUGE);
    expect(allocator.allocate(HUGE, HUGE)).toBe(2 * HUGE);
    expect(allocator.allocate(4096, 4096)).toBe(HUGE + 4096);
    allocator.free(HUGE);
    expect(allocator.allocate(4096, 4096)).toBe(HUGE);
  });

  it('leave out what the IOMMU reserves', () => {
    const usable = [
      { start: 0xfef0_0000, end: 2 ** 39 },
      { start: 0, end: 0xfee0_0000 },
    ];
    const allocator = new IovaAllocator(usable);
    expect(allocator.allocate(0xfd00_0000, HUGE)).toBe(HUGE);
    expect(allocator.allocate(2 ** 30, 2 ** 30)).toBe(2 ** 32);
  });

  it('end where the IOMMU does', () => {
    const allocator = new IovaAllocator([{ start: 0, end: 2 * HUGE }]);
    expect(allocator.allocate(HUGE + 4096, HUGE)).toBeUndefined();
    expect(allocator.allocate(HUGE, HUGE)).toBe(HUGE);
    expect(allocator.allocate(1, 1)).toBeUndefined();
  });

  it('are exact numbers even where the IOMMU translates all 64 bits', () => {
    const allocator = new IovaAllocator([{ start: 2 ** 53 - 2 * HUGE, end: 2 ** 64 }]);
    expect(allocator.allocate(HUGE, HUGE)).toBe(2 ** 53 - 2 * HUGE);
    expect(allocator.allocate(HUGE, HUGE)).toBeUndefined();
  });

  it('follow the ranges of the moment', () => {
    const allocator = new IovaAllocator([{ start: 0, end: 2 ** 48 }]);
    const first = allocator.allocate(HUGE, HUGE);
    allocator.restrict([{ start: 0, end: 3 * HUGE }]);
    expect(allocator.allocate(HUGE, HUGE)).toBe(2 * HUGE);
    expect(allocator.allocate(HUGE, HUGE)).toBeUndefined();
    allocator.free(first as number);
    expect(allocator.allocate(HUGE, HUGE)).toBe(first);
  });

  it('are aligned, in range and never given twice, in whatever order they come and go', () => {
    const address = fc.integer({ min: 0, max: 64 }).map((n) => n * MIB);
    const ranges = fc.uniqueArray(address, { minLength: 2, maxLength: 8 }).map((bounds) => {
      const ascending = [...bounds].sort((a, b) => a - b);
      const pairs: AddressRange[] = [];
      for (let i = 0; i + 1 < ascending.length; i += 2) pairs.push({ start: ascending[i], end: ascending[i + 1] });
      return pairs;
    });
    const step = fc.record({
      size: fc.integer({ min: 1, max: 4 * MIB }),
      alignment: fc.constantFrom(1, 4096, MIB, HUGE),
      free: fc.boolean(),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(ranges, fc.array(step, { maxLength: 60 }), (usable, steps) => {
        const allocator = new IovaAllocator(usable);
        const held: AddressRange[] = [];
        for (const { size, alignment, free, which } of steps) {
          if (free && held.length > 0) {
            const [gone] = held.splice(which % held.length, 1);
            allocator.free(gone.start);
            continue;
          }
          const start = allocator.allocate(size, alignment);
          if (start === undefined) continue;
          const end = start + size;
          expect(start % alignment).toBe(0);
          expect(start).toBeGreaterThanOrEqual(HUGE);
          expect(usable.some((range) => start >= range.start && end <= range.end)).toBe(true);
          expect(held.every((other) => end <= other.start || start >= other.end)).toBe(true);
          held.push({ start, end });
        }
        // With everything given back, all of the space can be had again.
        for (const { start } of held) allocator.free(start);
        const largest = Math.max(...usable.map(({ start, end }) => end - Math.max(start, HUGE)));
        if (largest > 0) expect(allocator.allocate(largest, 1)).toBeDefined();
      }),
      { seed: 39 },
    );
  });
});
