/** Memory that tells whether anything was written where nothing may be: behind its end, and between what lies in it. */
import { expect } from 'vitest';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';

const CANARY = 0xa5;
const GUARD_BYTES = 4096;
/** Shorter runs of canaries may be data. */
const SHORTEST_GAP = 32;

export class GuardedMemory implements DmaMemory {
  readonly kind = 'plain';
  readonly descriptor = -1;
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: SharedArrayBuffer;
  readonly #bytes: Buffer;
  readonly #onFree: () => void;
  /** From and up to which byte nobody has anything to write. */
  #gaps: readonly (readonly [number, number])[];

  constructor(minimumBytes: number, onFree: () => void = () => {}) {
    const { size, pageSize } = allocatePlainMemory(minimumBytes);
    this.size = size;
    this.pageSize = pageSize;
    this.buffer = new SharedArrayBuffer(size + GUARD_BYTES);
    this.#bytes = Buffer.from(this.buffer).fill(CANARY);
    this.#onFree = onFree;
    this.#gaps = [[size, size + GUARD_BYTES]];
  }

  /** What nobody has written to by now, nobody ever will. */
  seal(): void {
    const bytes = this.#bytes;
    const gaps: [number, number][] = [];
    for (let begin = bytes.indexOf(CANARY), end = begin; begin >= 0; begin = bytes.indexOf(CANARY, end)) {
      for (end = begin; bytes[end] === CANARY; ) end++;
      if (end - begin >= SHORTEST_GAP) gaps.push([begin, end]);
    }
    this.#gaps = gaps;
  }

  expectIntact(): void {
    for (const [begin, end] of this.#gaps) {
      const gap = this.#bytes.subarray(begin, end);
      if (!gap.equals(Buffer.alloc(end - begin, CANARY))) expect([...gap]).toEqual(Array(end - begin).fill(CANARY));
    }
  }

  free(): void {
    this.#onFree();
  }
}
