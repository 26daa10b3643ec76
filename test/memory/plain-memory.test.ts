import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';

describe('plain memory', () => {
  it.each([
    [1, 4096, 4096],
    [4096, 4096, 4096],
    [4097, 8192, 8192],
    [3 * 2 ** 19, 2 ** 21, 2 ** 21],
    [2 ** 21 + 1, 2 ** 22, 2 ** 21],
  ])('of %i bytes has %i, in pages of %i', (asked, size, pageSize) => {
    expect(allocatePlainMemory(asked)).toMatchObject({ size, pageSize, kind: 'plain', descriptor: -1 });
  });

  it('is large enough, zeroed, shared, and made of whole pages', () => {
    const property = fc.property(fc.integer({ min: 1, max: 2 ** 23 }), (asked) => {
      const memory = allocatePlainMemory(asked);
      expect(memory.size).toBeGreaterThanOrEqual(asked);
      expect(memory.size % memory.pageSize).toBe(0);
      expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
      expect(memory.buffer.byteLength).toBe(memory.size);
      expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
    });
    fc.assert(property, { numRuns: 20, seed: 2 });
  });

  it('lets go of its buffer when it is freed, once or twice', () => {
    const memory = allocatePlainMemory(4096);
    memory.free();
    memory.free();
    expect(memory.buffer.byteLength).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 33])('of %d bytes is refused', (bytes) => {
    expect(() => allocatePlainMemory(bytes)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});
