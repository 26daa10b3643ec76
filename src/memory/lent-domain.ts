/**
 * The address space of a device, as a thread has it that did not open the device: it maps nothing, and knows the device's
 * addresses of the memory that it was told of.
 */
import { IxyError } from '../errors.ts';
import type { DmaDomain, DmaMemory } from './dma-memory.ts';

/** Where a device finds a piece of memory: plain data, for other threads. */
export interface MemoryPlace {
  readonly size: number;
  readonly pageSize: number;
  /** `DmaDomain.translated`. */
  readonly translated: boolean;
  /** The device's address of each page. */
  readonly pages: Float64Array;
}

/** Where `memory` is in `domain`, which has it mapped and keeps it so while the place is in use. */
export function placeOfMemory(domain: DmaDomain, memory: DmaMemory): MemoryPlace {
  const { size, pageSize } = memory;
  const pages = new Float64Array(Math.ceil(size / pageSize)).map((_, page) =>
    domain.addressOf(memory, page * pageSize),
  );
  return { size, pageSize, translated: domain.translated, pages };
}

export class LentDomain implements DmaDomain {
  readonly translated: boolean;
  readonly #memory: DmaMemory;
  readonly #place: MemoryPlace;

  /** `memory`: what this thread attached of the memory that `place` tells of. Throws `ERR_ARGUMENT` if it is not that. */
  constructor(memory: DmaMemory, place: MemoryPlace) {
    if (memory.size !== place.size || memory.pageSize !== place.pageSize) {
      throw new IxyError(
        'ERR_ARGUMENT',
        `queues were lent for packets in memory of ${place.size} bytes, found a pool in other memory, of ${memory.size} bytes`,
      );
    }
    this.translated = place.translated;
    this.#memory = memory;
    this.#place = place;
  }

  /** Does nothing but check: the thread that lent the queues has mapped it. Throws `ERR_DMA_UNMAPPED`. */
  map(memory: DmaMemory): void {
    if (memory === this.#memory) return;
    throw new IxyError(
      'ERR_DMA_UNMAPPED',
      `a borrowed queue reaches only the memory that it was lent for, found a packet in other memory of ${memory.size} bytes`,
    );
  }

  unmap(memory: DmaMemory): void {
    this.map(memory);
  }

  addressOf(memory: DmaMemory, offset: number): number {
    this.map(memory);
    const { pages, pageSize, size } = this.#place;
    if (!(offset >= 0 && offset < size)) {
      throw new IxyError('ERR_DMA_UNMAPPED', `offset ${offset} lies outside the memory's ${size} bytes`);
    }
    return pages[Math.floor(offset / pageSize)] + (offset % pageSize);
  }
}
