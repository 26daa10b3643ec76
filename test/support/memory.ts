/** DMA memory and address spaces for tests that need no device. */
import type { DmaDomain, DmaMemory } from '../../src/memory/dma-memory.ts';

export interface TestMemory extends DmaMemory {
  readonly freed: boolean;
}

export function testMemory(size: number, pageSize = 2 ** 21): TestMemory {
  let freed = false;
  return {
    buffer: new SharedArrayBuffer(size),
    size,
    pageSize,
    descriptor: -1,
    kind: 'plain',
    get freed() {
      return freed;
    },
    free() {
      freed = true;
    },
  };
}

/** Maps everything at `base`; knows what is mapped. */
export class TestDomain implements DmaDomain {
  readonly translated = false;
  readonly mapped = new Map<DmaMemory, number>();
  readonly #base: number;

  constructor(base = 0x12_3456_0000) {
    this.#base = base;
  }

  map(memory: DmaMemory): void {
    this.mapped.set(memory, (this.mapped.get(memory) ?? 0) + 1);
  }

  unmap(memory: DmaMemory): void {
    const count = this.mapped.get(memory) ?? 0;
    if (count > 1) this.mapped.set(memory, count - 1);
    else this.mapped.delete(memory);
  }

  addressOf(_memory: DmaMemory, offset: number): number {
    return this.#base + offset;
  }
}
