/** DMA memory that other processes can map: those that serve a device. Nothing here needs a privilege. */
import { ftruncateSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { DmaMemory } from './dma-memory.ts';
import { allocateHugeMemory } from './huge-memory.ts';
import { plainLayout } from './plain-memory.ts';

/** Why there may be no huge pages to be had, where other memory does. */
const SHORTAGES = ['ERR_NO_HUGE_PAGES', 'ERR_PERMISSION'];

/**
 * At least `minimumBytes` (1 … 2^32) of zeroed memory behind a descriptor: huge pages if the system has enough that are free, else
 * ordinary ones, with a `pageSize` as `allocatePlainMemory` has it. The caller frees it.
 */
export function allocateSharedMemory(minimumBytes: number): DmaMemory {
  const { size, pageSize } = plainLayout(minimumBytes);
  try {
    return allocateHugeMemory(minimumBytes);
  } catch (error) {
    if (!(error instanceof IxyError && SHORTAGES.includes(error.code))) throw error;
  }
  const { MAP_POPULATE, MAP_SHARED, MFD_CLOEXEC } = addon().constants;
  const descriptor = addon().memfdCreate('ixy-dma', MFD_CLOEXEC);
  try {
    ftruncateSync(descriptor, size);
    return new SharedMemory(addon().mmap(descriptor, size, 0, MAP_SHARED | MAP_POPULATE), pageSize, descriptor);
  } catch (error) {
    addon().close(descriptor);
    throw error;
  }
}

class SharedMemory implements DmaMemory {
  readonly kind = 'plain';
  readonly buffer: ArrayBuffer;
  readonly size: number;
  readonly pageSize: number;
  #descriptor: number;

  constructor(buffer: ArrayBuffer, pageSize: number, descriptor: number) {
    this.buffer = buffer;
    this.size = buffer.byteLength;
    this.pageSize = pageSize;
    this.#descriptor = descriptor;
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  free(): void {
    if (this.#descriptor < 0) return;
    addon().munmap(this.buffer);
    addon().close(this.#descriptor);
    this.#descriptor = -1;
  }
}
