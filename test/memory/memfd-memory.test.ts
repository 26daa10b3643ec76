import { describe, expect, it } from 'vitest';
import { allocateSharedMemory } from '../../src/memory/memfd-memory.ts';
import { addon } from '../../src/native/addon.ts';
import { available } from '../support/features.ts';
import { hugePagesMissing, useHugePages } from '../support/huge-pages.ts';
import { mappingsOf, openDescriptors } from '../support/process.ts';

describe('memory for other processes', () => {
  it.each([1, 4096, 5000, 2 ** 21, 2 ** 21 + 1])(
    'of %d bytes is large enough, zeroed, and made of whole pages',
    (bytes) => {
      const memory = allocateSharedMemory(bytes);
      expect(memory.size).toBeGreaterThanOrEqual(bytes);
      expect(memory.size % memory.pageSize).toBe(0);
      expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
      memory.free();
    },
  );

  it('is the same behind its descriptor', () => {
    const memory = allocateSharedMemory(4096);
    const again = addon().mmap(memory.descriptor, memory.size, 0, addon().constants.MAP_SHARED);
    new Uint8Array(memory.buffer)[4095] = 7;
    expect(new Uint8Array(again)[4095]).toBe(7);
    addon().munmap(again);
    memory.free();
  });

  it('goes with free, once', () => {
    const before = [openDescriptors(), mappingsOf('ixy-dma')];
    const memory = allocateSharedMemory(4096);
    expect([openDescriptors(), mappingsOf('ixy-dma')]).toEqual(before.map((count) => count + 1));
    memory.free();
    memory.free();
    expect([openDescriptors(), mappingsOf('ixy-dma')]).toEqual(before);
    expect(memory.descriptor).toBe(-1);
  });

  it.each([0, -1, 1.5, 2 ** 33, Number.NaN])('of %d bytes cannot be', (bytes) => {
    expect(() => allocateSharedMemory(bytes)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});

describe.runIf(available('memory of huge pages for other processes', hugePagesMissing()))('with huge pages', () => {
  useHugePages(2);

  it('is made of them', () => {
    const memory = allocateSharedMemory(5000);
    expect(memory).toMatchObject({ kind: 'huge', size: 2 ** 21, pageSize: 2 ** 21 });
    expect(memory.descriptor).toBeGreaterThan(2);
    memory.free();
  });
});
