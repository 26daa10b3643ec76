/** The memory that a client lets the device reach: mapped where it came with a descriptor, else fetched by messages. */
import { fstatSync } from 'node:fs';
import { errorMessage, systemErrorCode } from '../../errors.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import { DMA_WRITABLE } from '../../pci/vfio-user/payloads.ts';
import { countUpTo } from '../address-order.ts';
import type { DmaRegion, DmaRegions } from '../dma-regions.ts';
import { mapFile, unmap } from './client-mappings.ts';
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
const LARGEST_ADDRESS = 2 ** 52;
/** As many as the kernel's VFIO allows unless told otherwise. */
const MAXIMUM_MAPPINGS = 2 ** 16;
/** Bytes that one client may have mapped. Each chunk takes milliseconds, in which nobody is served; files may be mere holes. */
const MAXIMUM_MAPPED = 2 ** 38;

export class ClientMemory {
  readonly #regions: DmaRegions;
  readonly #joined = new JoinedMemory();
  readonly #unmapped: MessageMemory;
  /** In order of their addresses; none overlaps another. */
  readonly #mapped: Mapped[] = [];
  /** Bytes of those that are mapped memory. */
  #mappedBytes = 0;

  /** Fills `regions`, which are the device's. */
  constructor(regions: DmaRegions, messages: MemoryMessages) {
    this.#regions = regions;
    this.#unmapped = new MessageMemory(messages);
    regions.elsewhere = (address, length) => this.#findElsewhere(address, length);
    regions.renew = (region) => this.#unmapped.refresh(region);
  }

  /** `descriptor`, if any, stays the caller's to close. Throws `Refusal`. */
  map(mapping: ClientMapping, descriptor: number | undefined): void {
    const { address, size, flags } = mapping;
    const writable = (flags & DMA_WRITABLE) !== 0;
    // What the device must not write cannot be mapped: JavaScript knows no read-only memory.
    const mappable = descriptor !== undefined && writable;
    this.#check(mapping, mappable);
    const chunks = mappable ? mapChunks(mapping, descriptor) : new Map();
    for (const [at, memory] of chunks) this.#regions.add(at, memory, memory.byteLength);
    if (chunks.size > 0) this.#mappedBytes += size;
    this.#mapped.splice(countUpTo(this.#mapped, address), 0, { address, size, writable, chunks });
  }

  /**
   * Takes back all that lies inside, be it nothing, as the kernel's VFIO does: where a guest's IOMMU forgets a whole address
   * space, QEMU unmaps that in pieces of its own, without knowing what is in them. Throws `Refusal` where it would cut.
   */
  unmap(address: number, size: number): void {
    const end = address + size;
    const { first, count } = this.#met(address, end);
    const met = this.#mapped.slice(first, first + count);
    const cut = met.find((other) => other.address < address || endOf(other) > end);
    if (cut) {
      throw new Refusal(
        'EINVAL',
        `DMA_UNMAP of ${size} bytes at ${hexadecimal(address)}: would cut ${cut.size} at ${hexadecimal(cut.address)}`,
      );
    }
    this.#release(first, count);
  }

  /** Takes everything back. */
  clear(): void {
    this.#release(0, this.#mapped.length);
    this.forget();
  }

  /** The device was reset, and has no rings any more. */
  forget(): void {
    this.#joined.forget();
    this.#unmapped.forget();
  }

  /** Lets the device work; what it has changed is in the client's memory afterwards. */
  burst<Result>(work: () => Result): Result {
    try {
      return this.#unmapped.burst(work);
    } finally {
      this.#joined.trim();
    }
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
    if (length > LONGEST) return [];
    const mapped = this.#mapped;
    const first = Math.max(countUpTo(mapped, address) - 1, 0);
    for (let next = address, i = first; i < mapped.length; i++) {
      if (mapped[i].address > next || endOf(mapped[i]) <= next) break;
      next = endOf(mapped[i]);
      if (next >= address + length) return mapped.slice(first, i + 1);
    }
    return [];
  }

  /** The mappings that have a part of `address … end-1`: the index of the first one, and how many there are. */
  #met(address: number, end: number): { first: number; count: number } {
    const mapped = this.#mapped;
    const before = countUpTo(mapped, address) - 1;
    const first = before >= 0 && endOf(mapped[before]) > address ? before : before + 1;
    return { first, count: Math.max(countUpTo(mapped, end - 1) - first, 0) };
  }

  #release(first: number, count: number): void {
    const gone = this.#mapped.splice(first, count);
    if (gone.length === 0) return;
    const [{ address }] = gone;
    const size = endOf(gone[gone.length - 1]) - address;
    this.#joined.remove(address, size);
    this.#unmapped.remove(address, size);
    // From the end, where removing moves the fewest others.
    for (const { chunks, size } of gone.reverse()) {
      if (chunks.size > 0) this.#mappedBytes -= size;
      for (const [at, memory] of chunks) {
        this.#regions.remove(at);
        unmap(memory);
      }
    }
  }

  #check(mapping: ClientMapping, mappable: boolean): void {
    const { address, size } = mapping;
    const where = describe(mapping);
    if (size === 0 || address + size > LARGEST_ADDRESS) throw new Refusal('EINVAL', `${where}: out of range`);
    if (this.#mapped.length >= MAXIMUM_MAPPINGS) throw new Refusal('ENOSPC', `${where}: ${MAXIMUM_MAPPINGS} are there`);
    if (this.#met(address, address + size).count > 0) {
      throw new Refusal('EEXIST', `${where}: something is mapped there already`);
    }
    const left = MAXIMUM_MAPPED - this.#mappedBytes;
    if (mappable && size > left) {
      throw new Refusal('ENOSPC', `${where}: ${left} of ${MAXIMUM_MAPPED} are left for memory that is mapped`);
    }
  }
}

/** Throws `Refusal`, with nothing mapped. None if the file may only be read. */
function mapChunks({ address, size, offset }: ClientMapping, descriptor: number): Map<number, ArrayBuffer> {
  const chunks = new Map<number, ArrayBuffer>();
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error('memory must be that of a file (memfd, shm, hugetlbfs)');
    for (let at = 0; at < size; at += CHUNK) {
      const length = Math.min(size - at, CHUNK + OVERLAP);
      chunks.set(address + at, mapFile(descriptor, length, offset + at));
    }
  } catch (error) {
    for (const memory of chunks.values()) unmap(memory);
    if (error instanceof Refusal) throw error;
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
  return `DMA_MAP of ${size} bytes at ${hexadecimal(address)}`;
}
