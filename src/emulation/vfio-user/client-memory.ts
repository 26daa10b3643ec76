/** The memory that a client lets the device reach: mapped where it came with a descriptor, else fetched by messages. */
import { fstatSync } from 'node:fs';
import { errorMessage, systemErrorCode } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { DMA_WRITABLE } from '../../pci/vfio-user/payloads.ts';
import type { DmaRegion, DmaRegions } from '../dma-regions.ts';
import { JoinedMemory } from './joined-memory.ts';
import { type MemoryMessages, MessageMemory, type MessageRange } from './message-memory.ts';
import { Refusal } from './refusal.ts';

/** A client's DMA_MAP. */
interface ClientMapping {
  /** The device's address of it. */
  readonly address: number;
  readonly size: number;
  /** Where it begins in its file. */
  readonly offset: number;
  readonly flags: number;
}

interface Mapped extends MessageRange {
  /** Mapped memory by the device's address of it; none if it is fetched by messages. */
  readonly chunks: ReadonlyMap<number, ArrayBuffer>;
}

/**
 * Offsets into a region are small integers in the models, so larger memory is several regions. Each goes on for a while
 * where the next begins already, so that no ring or buffer falls between two.
 */
const CHUNK = 2 ** 30;
const OVERLAP = 2 ** 20;
const PAGE = 4096;
/** Bytes that may lie on several mappings: their pages are in one chunk of each. */
const LONGEST = OVERLAP - 2 * PAGE;
const NO_BORDER = 2 ** 31;
const LARGEST_ADDRESS = 2 ** 52;
const MAXIMUM_MAPPINGS = 4096;
/** Bytes that one client may have mapped. Each chunk takes milliseconds, in which nobody is served; files may be mere holes. */
const MAXIMUM_MAPPED = 2 ** 38;

export class ClientMemory {
  readonly #regions: DmaRegions;
  readonly #joined = new JoinedMemory();
  readonly #unmapped: MessageMemory;
  readonly #mapped = new Map<number, Mapped>();

  /** Fills `regions`, which are the device's. */
  constructor(regions: DmaRegions, messages: MemoryMessages) {
    this.#regions = regions;
    this.#unmapped = new MessageMemory(messages);
    regions.elsewhere = (address, length) => this.#findElsewhere(address, length);
    regions.renew = (region) => this.#unmapped.refresh(region);
  }

  /** `descriptor`, if any, stays the caller's to close. Throws `Refusal`. */
  map(mapping: ClientMapping, descriptor: number | undefined): void {
    this.#check(mapping);
    const { address, size, flags } = mapping;
    const writable = (flags & DMA_WRITABLE) !== 0;
    // What the device must not write cannot be mapped: JavaScript knows no read-only memory.
    const mappable = descriptor !== undefined && writable;
    if (mappable) this.#checkRoom(mapping);
    const chunks = mappable ? mapChunks(mapping, descriptor) : new Map();
    for (const [at, memory] of chunks) this.#regions.add(at, memory, memory.byteLength, NO_BORDER);
    this.#mapped.set(address, { address, size, writable, chunks });
  }

  /**
   * Takes back all that lies inside, be it nothing, as the kernel's VFIO does: where a guest's IOMMU forgets a whole address
   * space, QEMU unmaps that in pieces of its own, without knowing what is in them. Throws `Refusal` where it would cut.
   */
  unmap(address: number, size: number): void {
    const end = address + size;
    const met = [...this.#mapped.values()].filter(
      (other) => address < other.address + other.size && other.address < end,
    );
    const cut = met.find((other) => other.address < address || other.address + other.size > end);
    if (cut) {
      throw new Refusal(
        'EINVAL',
        `DMA_UNMAP of ${size} bytes at 0x${address.toString(16)}: would cut ${cut.size} at 0x${cut.address.toString(16)}`,
      );
    }
    for (const mapped of met) this.#release(mapped);
  }

  /** Takes everything back. */
  clear(): void {
    for (const mapped of this.#mapped.values()) this.#release(mapped);
    this.forget();
  }

  /** The device was reset, and has no rings any more. */
  forget(): void {
    this.#joined.forget();
    this.#unmapped.forget();
  }

  /** Lets the device work; what it has changed is in the client's memory afterwards. */
  burst<Result>(work: () => Result): Result {
    return this.#unmapped.burst(work);
  }

  /** What no chunk holds: it is joined of several, or fetched. Rings are looked up when they are set up, ahead of bursts. */
  #findElsewhere(address: number, length: number): DmaRegion | undefined {
    const isRing = !this.#unmapped.inBurst;
    const known = this.#joined.find(address, length, isRing);
    if (known) return known;
    const adjoining = this.#adjoining(address, length);
    if (adjoining.length === 0) return undefined;
    const begin = Math.floor(address / PAGE) * PAGE;
    const pieces = piecesOf(adjoining, begin, Math.ceil((address + length) / PAGE) * PAGE);
    const joined = pieces && this.#joined.join(begin, pieces, isRing);
    return joined ?? this.#unmapped.find(address, length, together(adjoining));
  }

  /** The mappings on which these bytes lie, in order; none if one is missing. */
  #adjoining(address: number, length: number): Mapped[] {
    const found: Mapped[] = [];
    if (length > LONGEST) return found;
    for (let next = this.#mappedAt(address); next; next = this.#mapped.get(endOf(next))) {
      found.push(next);
      if (endOf(next) >= address + length) return found;
    }
    return [];
  }

  #mappedAt(address: number): Mapped | undefined {
    for (const mapped of this.#mapped.values()) if (address >= mapped.address && address < endOf(mapped)) return mapped;
    return undefined;
  }

  #release({ address, size, chunks }: Mapped): void {
    this.#mapped.delete(address);
    this.#joined.remove(address, size);
    this.#unmapped.remove(address, size);
    for (const [at, memory] of chunks) {
      this.#regions.remove(at);
      addon().munmap(memory);
    }
  }

  #checkRoom(mapping: ClientMapping): void {
    let left = MAXIMUM_MAPPED;
    for (const { size, chunks } of this.#mapped.values()) if (chunks.size > 0) left -= size;
    if (mapping.size <= left) return;
    throw new Refusal(
      'ENOSPC',
      `${describe(mapping)}: ${left} of ${MAXIMUM_MAPPED} are left for memory that is mapped`,
    );
  }

  #check({ address, size }: ClientMapping): void {
    const where = describe({ address, size });
    if (size === 0 || address + size > LARGEST_ADDRESS) throw new Refusal('EINVAL', `${where}: out of range`);
    if (this.#mapped.size >= MAXIMUM_MAPPINGS) throw new Refusal('ENOSPC', `${where}: ${MAXIMUM_MAPPINGS} are there`);
    for (const other of this.#mapped.values()) {
      if (address < other.address + other.size && other.address < address + size) {
        throw new Refusal('EEXIST', `${where}: something is mapped there already`);
      }
    }
  }
}

/** Throws `Refusal`, with nothing mapped. None if the file may only be read. */
function mapChunks({ address, size, offset }: ClientMapping, descriptor: number): Map<number, ArrayBuffer> {
  const { MAP_SHARED } = addon().constants;
  const chunks = new Map<number, ArrayBuffer>();
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error('memory must be that of a file (memfd, shm, hugetlbfs)');
    for (let at = 0; at < size; at += CHUNK) {
      const length = Math.min(size - at, CHUNK + OVERLAP);
      chunks.set(address + at, addon().mmap(descriptor, length, offset + at, MAP_SHARED));
    }
  } catch (error) {
    for (const memory of chunks.values()) addon().munmap(memory);
    if (systemErrorCode(error) === 'EACCES') return new Map();
    throw new Refusal('EINVAL', `${describe({ address, size })}: ${errorMessage(error)}`);
  }
  return chunks;
}

/** The memory of `begin … end-1`, both whole pages; undefined if some is not mapped, or begins or ends within a page. */
function piecesOf(adjoining: readonly Mapped[], begin: number, end: number): Uint8Array[] | undefined {
  const pieces: Uint8Array[] = [];
  for (const { address, size, chunks } of adjoining) {
    const from = Math.max(begin - address, 0);
    const to = Math.min(end - address, size);
    const chunk = Math.floor(from / CHUNK) * CHUNK;
    const memory = chunks.get(address + chunk);
    if (!memory || address % PAGE !== 0 || size % PAGE !== 0) return undefined;
    pieces.push(new Uint8Array(memory, from - chunk, to - from));
  }
  return pieces;
}

function endOf({ address, size }: MessageRange): number {
  return address + size;
}

function together(adjoining: readonly MessageRange[]): MessageRange {
  const [{ address }] = adjoining;
  const size = adjoining.reduce((sum, range) => sum + range.size, 0);
  return { address, size, writable: adjoining.every(({ writable }) => writable) };
}

function describe({ address, size }: Pick<ClientMapping, 'address' | 'size'>): string {
  return `DMA_MAP of ${size} bytes at 0x${address.toString(16)}`;
}
