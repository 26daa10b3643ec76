/** Small allocations in DMA memory: descriptor rings and the like, several to a page. */
import { checkInteger, IxyError } from '../errors.ts';
import type { DmaMemory } from './dma-memory.ts';

/** A piece of DMA memory. Its device address is the domain's for (`memory`, `offset`). */
export interface DmaBlock {
  readonly memory: DmaMemory;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface DmaHeapOptions {
  /** Makes a region of at least `minimumBytes`, reachable for those devices that use the heap. */
  readonly grow: (minimumBytes: number) => DmaMemory;
  /** Takes a region back when the heap is closed. Default: `memory.free`. */
  readonly release?: (memory: DmaMemory) => void;
}

/** Bytes that are free, from `begin` up to, not including, `end`. */
interface FreeRange {
  begin: number;
  end: number;
}

/** A region and its free ranges in ascending order, no two of them adjacent. */
interface Region {
  readonly memory: DmaMemory;
  readonly free: FreeRange[];
}

export class DmaHeap {
  readonly #grow: (minimumBytes: number) => DmaMemory;
  readonly #release: (memory: DmaMemory) => void;
  readonly #regions: Region[] = [];
  readonly #blocks = new Map<DmaBlock, Region>();
  #closed = false;

  constructor(options: DmaHeapOptions) {
    this.#grow = options.grow;
    this.#release = options.release ?? ((memory) => memory.free());
  }

  /**
   * `size` zeroed bytes (1 … 2^30) at a multiple of `alignment` (a power of two, 1 … 2^30), contiguous for a device:
   * within one page. Throws `ERR_OUT_OF_MEMORY` if the pages are too small for that; what `grow` throws comes through.
   */
  allocate(size: number, alignment = 64): DmaBlock {
    if (this.#closed) throw new IxyError('ERR_CLOSED', 'the DMA heap is closed');
    checkInteger('bytes in a DMA block', size, 1, 2 ** 30);
    checkInteger('alignment of a DMA block', alignment, 1, 2 ** 30);
    if ((alignment & (alignment - 1)) !== 0) {
      throw new IxyError('ERR_ARGUMENT', `alignment of a DMA block must be a power of two, found ${alignment}`);
    }
    for (const region of this.#regions) {
      const block = this.#place(region, size, alignment);
      if (block) return block;
    }
    return this.#placeInNewRegion(size, alignment);
  }

  /** Gives a block back; its bytes belong to somebody else from now on. Throws `ERR_ARGUMENT` if it is not allocated. */
  free(block: DmaBlock): void {
    const region = this.#blocks.get(block);
    if (!region) throw new IxyError('ERR_ARGUMENT', `the DMA block at offset ${block.offset} is not allocated here`);
    this.#blocks.delete(block);
    give(region.free, block.offset, block.offset + block.bytes.length);
  }

  /** Takes back all regions, blocks or no blocks. The caller has stopped every device before. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#blocks.clear();
    for (const region of this.#regions.splice(0)) this.#release(region.memory);
  }

  #placeInNewRegion(size: number, alignment: number): DmaBlock {
    const memory = this.#grow(size);
    const region = { memory, free: [{ begin: 0, end: memory.size }] };
    const block = this.#place(region, size, alignment);
    if (!block) {
      this.#release(memory);
      throw new IxyError(
        'ERR_OUT_OF_MEMORY',
        `${size} bytes aligned to ${alignment} do not fit in a page of ${memory.pageSize} bytes`,
      );
    }
    this.#regions.push(region);
    return block;
  }

  #place(region: Region, size: number, alignment: number): DmaBlock | undefined {
    const { memory, free } = region;
    // A page is as well aligned as its size; beyond that an aligned offset says nothing of the device's address.
    if (size > memory.pageSize || alignment > memory.pageSize) return undefined;
    for (const range of free) {
      const offset = firstFit(range, size, alignment, memory.pageSize);
      if (offset + size > range.end) continue;
      take(free, range, offset, offset + size);
      const block = { memory, offset, bytes: new Uint8Array(memory.buffer, offset, size).fill(0) };
      this.#blocks.set(block, region);
      return block;
    }
    return undefined;
  }
}

/** The first aligned offset in `range` from which `size` bytes lie within one page, whether they fit or not. */
function firstFit(range: FreeRange, size: number, alignment: number, pageSize: number): number {
  const offset = Math.ceil(range.begin / alignment) * alignment;
  const pageEnd = (Math.floor(offset / pageSize) + 1) * pageSize;
  return offset + size <= pageEnd ? offset : pageEnd;
}

/** Cuts `begin … end` out of `range`. */
function take(free: FreeRange[], range: FreeRange, begin: number, end: number): void {
  const rest = [
    { begin: range.begin, end: begin },
    { begin: end, end: range.end },
  ];
  free.splice(free.indexOf(range), 1, ...rest.filter((part) => part.begin < part.end));
}

/** Adds `begin … end`, joined with its neighbours. */
function give(free: FreeRange[], begin: number, end: number): void {
  const before = free.find((range) => range.end === begin);
  const after = free.find((range) => range.begin === end);
  if (before && after) {
    before.end = after.end;
    free.splice(free.indexOf(after), 1);
  } else if (before) {
    before.end = end;
  } else if (after) {
    after.begin = begin;
  } else {
    const next = free.findIndex((range) => range.begin > begin);
    free.splice(next < 0 ? free.length : next, 0, { begin, end });
  }
}
