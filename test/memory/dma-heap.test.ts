import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type DmaBlock, DmaHeap } from '../../src/memory/dma-heap.ts';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';

/** Regions of four pages of 16 KiB. */
function smallPages(): DmaMemory {
  const pageSize = 16_384;
  const size = 4 * pageSize;
  return { buffer: new ArrayBuffer(size), size, pageSize, descriptor: -1, kind: 'plain', free: () => {} };
}

interface Request {
  readonly size: number;
  readonly alignment: number;
}

const request = fc.record({
  size: fc.integer({ min: 1, max: 16_384 }),
  alignment: fc.integer({ min: 0, max: 14 }).map((shift) => 2 ** shift),
});

function begin(block: DmaBlock): number {
  return block.offset;
}

function end(block: DmaBlock): number {
  return block.offset + block.bytes.length;
}

function checkBlock(block: DmaBlock, { size, alignment }: Request, others: readonly DmaBlock[]): void {
  const { pageSize } = block.memory;
  expect(block.bytes.length).toBe(size);
  expect(block.offset % alignment).toBe(0);
  expect(Math.floor(begin(block) / pageSize)).toBe(Math.floor((end(block) - 1) / pageSize));
  expect(block.bytes.every((byte) => byte === 0)).toBe(true);
  for (const other of others) {
    if (other.memory !== block.memory) continue;
    expect(end(other) <= begin(block) || end(block) <= begin(other)).toBe(true);
  }
}

describe('DmaHeap', () => {
  it('never overlaps, misaligns, straddles a page or hands out dirty bytes, in any order of calls', () => {
    // A number frees the block at that place (modulo how many there are), a request allocates one.
    const step = fc.oneof({ weight: 3, arbitrary: request }, { weight: 2, arbitrary: fc.nat() });
    const property = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new DmaHeap({ grow: smallPages });
      const blocks: DmaBlock[] = [];
      for (const step of steps) {
        if (typeof step === 'number') {
          const [block] = blocks.splice(step % Math.max(1, blocks.length), 1);
          if (block) heap.free(block);
          continue;
        }
        const block = heap.allocate(step.size, step.alignment);
        checkBlock(block, step, blocks);
        block.bytes.fill(0xff);
        blocks.push(block);
      }
    });
    fc.assert(property, { numRuns: 300, seed: 3 });
  });

  it('joins what comes back, in any order: the whole region can be had again without growing', () => {
    const property = fc.property(
      fc.shuffledSubarray([...Array(64).keys()], { minLength: 64, maxLength: 64 }),
      (order) => {
        const grow = vi.fn(smallPages);
        const heap = new DmaHeap({ grow });
        const blocks = order.map(() => heap.allocate(1024));
        expect(grow).toHaveBeenCalledTimes(1);
        for (const index of order) {
          const block = blocks[index];
          if (block) heap.free(block);
        }
        for (let page = 0; page < 4; page++) heap.allocate(16_384, 16_384);
        expect(grow).toHaveBeenCalledTimes(1);
      },
    );
    fc.assert(property, { numRuns: 50, seed: 4 });
  });

  it('puts several rings into one page', () => {
    const heap = new DmaHeap({ grow: allocatePlainMemory });
    const first = heap.allocate(100, 128);
    expect(first.memory.size).toBe(4096);
    expect([heap.allocate(1, 128), heap.allocate(64, 128)].map(begin)).toEqual([128, 256]);
    expect(first.offset).toBe(0);
  });

  it('asks for a region that is large enough, when none has room', () => {
    const grow = vi.fn(allocatePlainMemory);
    const heap = new DmaHeap({ grow });
    heap.allocate(4000);
    heap.allocate(100_000, 4096);
    expect(grow.mock.calls).toEqual([[4000], [100_000]]);
  });

  it('gives a region back at once if its pages are too small for the block', () => {
    const release = vi.fn();
    const heap = new DmaHeap({ grow: smallPages, release });
    expect(() => heap.allocate(16_385)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
    expect(() => heap.allocate(8, 32_768)).toThrow('do not fit in a page of 16384 bytes');
    expect(release).toHaveBeenCalledTimes(2);
  });

  it('lets an error of the region’s maker through', () => {
    const heap = new DmaHeap({
      grow: () => {
        throw new Error('no pages');
      },
    });
    expect(() => heap.allocate(64)).toThrow('no pages');
  });

  it('a block cannot be freed twice, nor in another heap', () => {
    const heap = new DmaHeap({ grow: smallPages });
    const block = heap.allocate(64);
    const notAllocated = expect.objectContaining({ code: 'ERR_ARGUMENT' });
    expect(() => new DmaHeap({ grow: smallPages }).free(block)).toThrow(notAllocated);
    heap.free(block);
    expect(() => heap.free(block)).toThrow(notAllocated);
  });

  it('close releases each region once, and ends allocation', () => {
    const free = vi.fn();
    const heap = new DmaHeap({ grow: () => ({ ...smallPages(), free }) });
    heap.allocate(16_384);
    const block = heap.allocate(64);
    heap.close();
    heap.close();
    expect(free).toHaveBeenCalledTimes(1);
    expect(() => heap.allocate(64)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(() => heap.free(block)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it.each([
    [0, 64],
    [-1, 64],
    [2 ** 31, 64],
    [64, 0],
    [64, 48],
    [64, Number.NaN],
  ])('%d bytes aligned to %d are refused', (size, alignment) => {
    const heap = new DmaHeap({ grow: smallPages });
    expect(() => heap.allocate(size, alignment)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});
