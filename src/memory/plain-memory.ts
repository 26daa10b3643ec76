/** Ordinary memory, for emulated devices: nothing here needs a privilege, and worker threads may share it. */
import { checkInteger } from '../errors.ts';
import type { DmaMemory } from './dma-memory.ts';

const SMALLEST_PAGE = 4096;
const LARGEST_PAGE = 2 ** 21;
const LARGEST_SIZE = 2 ** 32;

/**
 * At least `minimumBytes` (1 … 2^32) of zeroed memory in a SharedArrayBuffer. No page of the machine stands behind
 * `pageSize`; it is the smallest power of two from 4 KiB up that holds everything, but at most 2 MiB: a ring alone does not
 * take 2 MiB, and a packet pool sees the same pages, and skips the same slots, as in huge pages.
 *
 * The system gets it back once `free` was called and nobody holds the buffer or a view of it any more.
 */
export function allocatePlainMemory(minimumBytes: number): DmaMemory {
  const { size, pageSize } = plainLayout(minimumBytes);
  return new PlainMemory(size, pageSize);
}

/** Sizes of memory behind which no page of the machine stands. Throws `ERR_ARGUMENT`. */
export function plainLayout(minimumBytes: number): Pick<DmaMemory, 'size' | 'pageSize'> {
  checkInteger('bytes of DMA memory', minimumBytes, 1, LARGEST_SIZE);
  let pageSize = SMALLEST_PAGE;
  while (pageSize < minimumBytes && pageSize < LARGEST_PAGE) pageSize *= 2;
  return { size: Math.ceil(minimumBytes / pageSize) * pageSize, pageSize };
}

class PlainMemory implements DmaMemory {
  readonly kind = 'plain';
  readonly descriptor = -1;
  readonly size: number;
  readonly pageSize: number;
  #buffer: SharedArrayBuffer;

  constructor(size: number, pageSize: number) {
    this.size = size;
    this.pageSize = pageSize;
    this.#buffer = new SharedArrayBuffer(size);
  }

  get buffer(): SharedArrayBuffer {
    return this.#buffer;
  }

  free(): void {
    this.#buffer = new SharedArrayBuffer(0);
  }
}
