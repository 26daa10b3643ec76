/**
 * The address space of devices without an IOMMU: they see physical memory, and so does the table that a process may read
 * about itself (Linux, Documentation/admin-guide/mm/pagemap.rst).
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import { hexadecimal } from '../hexadecimal.ts';
import { addon } from '../native/addon.ts';
import type { DmaDomain, DmaMemory } from './dma-memory.ts';

interface Mapping {
  /** Physical address of each page. */
  readonly pages: Float64Array;
  users: number;
}

/** Bytes in an entry of pagemap; bit 63 says present, bits 0 … 54 are the page frame number. */
const ENTRY_BYTES = 8;

export class PhysicalDomain implements DmaDomain {
  /** The domain of all devices that see physical memory. */
  static readonly shared = new PhysicalDomain();

  readonly translated = false;
  readonly #pagemap: string;
  readonly #mappings = new Map<DmaMemory, Mapping>();

  /** `pagemap` is there for tests. */
  constructor(pagemap = '/proc/self/pagemap') {
    this.#pagemap = pagemap;
  }

  /**
   * Finds the physical address of each page, once. Throws `ERR_DMA_UNMAPPED` unless the memory is made of huge pages: the
   * kernel moves others as it likes. Throws `ERR_PERMISSION` if the kernel hides physical addresses from this process.
   */
  map(memory: DmaMemory): void {
    const mapping = this.#mappings.get(memory);
    if (mapping) {
      mapping.users++;
      return;
    }
    if (memory.kind !== 'huge') {
      throw new IxyError(
        'ERR_DMA_UNMAPPED',
        'a device without an IOMMU needs memory of huge pages, found ordinary memory, which the kernel may move',
      );
    }
    this.#mappings.set(memory, { pages: this.#physicalPages(memory), users: 1 });
  }

  unmap(memory: DmaMemory): void {
    const mapping = this.#mapping(memory);
    if (--mapping.users === 0) this.#mappings.delete(memory);
  }

  addressOf(memory: DmaMemory, offset: number): number {
    const { pages } = this.#mapping(memory);
    const page = pages[Math.floor(offset / memory.pageSize)];
    if (page === undefined) {
      throw new IxyError('ERR_DMA_UNMAPPED', `offset ${offset} lies outside the memory's ${memory.size} bytes`);
    }
    return page + (offset % memory.pageSize);
  }

  #mapping(memory: DmaMemory): Mapping {
    const mapping = this.#mappings.get(memory);
    if (!mapping) throw new IxyError('ERR_DMA_UNMAPPED', `${memory.size} bytes of memory are not mapped for DMA`);
    return mapping;
  }

  #physicalPages(memory: DmaMemory): Float64Array {
    const descriptor = openSync(this.#pagemap, 'r');
    try {
      const begin = addon().addressOf(new Uint8Array(memory.buffer));
      const pages = new Float64Array(memory.size / memory.pageSize);
      return pages.map((_, page) => physicalAddress(descriptor, begin + page * memory.pageSize));
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Physical address of the page that begins at the virtual `address`. */
function physicalAddress(pagemap: number, address: number): number {
  const { PAGE_SIZE } = addon().constants;
  const entry = new DataView(new ArrayBuffer(ENTRY_BYTES));
  const count = readSync(pagemap, entry, 0, ENTRY_BYTES, (address / PAGE_SIZE) * ENTRY_BYTES);
  const high = entry.getUint32(4, true);
  if (count !== ENTRY_BYTES || high >>> 31 === 0) {
    throw new IxyError('ERR_DMA_UNMAPPED', `no physical page stands behind address ${hexadecimal(address)}`);
  }
  const frame = (high & 0x7f_ffff) * 2 ** 32 + entry.getUint32(0, true);
  if (frame === 0) {
    throw new IxyError(
      'ERR_PERMISSION',
      'the kernel shows physical addresses only to processes with CAP_SYS_ADMIN: run as root',
    );
  }
  return frame * PAGE_SIZE;
}
