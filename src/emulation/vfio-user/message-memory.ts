/**
 * Client's memory that came without a descriptor. The models read and write memory where they find it, so while they work
 * its pages are fetched by messages when they are first looked up, and what was changed is written back when the work is
 * done, before any interrupt tells of it.
 */
import { MAXIMUM_TRANSFER } from '../../pci/vfio-user/protocol.ts';
import { type DmaRegion, dmaRegion } from '../dma-regions.ts';

/** Messages to the client, each answered before the call returns. */
export interface MemoryMessages {
  /** Undefined if the client did not deliver. */
  read(address: number, length: number): Uint8Array | undefined;
  write(address: number, bytes: Uint8Array): void;
}

/** A range of the client's memory. */
export interface MessageRange {
  readonly address: number;
  readonly size: number;
  readonly writable: boolean;
}

interface Window {
  readonly region: DmaRegion;
  readonly writable: boolean;
  /** As the client has it. */
  readonly original: Uint8Array;
}

const PAGE = 4096;
/** Bytes that are fetched at once, and for one burst of work; a device that asks for more is stopped. */
const LONGEST = MAXIMUM_TRANSFER - 2 * PAGE;
const MAXIMUM_BYTES = 2 ** 26;
/** Unchanged bytes between two changed runs that are written along: what lies so close together is in one descriptor. */
const GAP = 16;
const NO_BORDER = 2 ** 31;

export class MessageMemory {
  readonly #messages: MemoryMessages;
  #ranges: MessageRange[] = [];
  #windows: Window[] = [];
  /** Bytes in the windows. */
  #fetched = 0;

  constructor(messages: MemoryMessages) {
    this.#messages = messages;
  }

  add(range: MessageRange): void {
    this.#ranges.push(range);
  }

  remove(address: number): void {
    this.#drop();
    this.#ranges = this.#ranges.filter((range) => range.address !== address);
  }

  clear(): void {
    this.#drop();
    this.#ranges = [];
  }

  /** The bytes `address … address+length-1`, valid until the next `flush`; undefined if the client has no such memory. */
  find(address: number, length: number): DmaRegion | undefined {
    const range = this.#ranges.find((candidate) => contains(candidate.address, candidate.size, address, length));
    if (!range || length > LONGEST) return undefined;
    const known = this.#windows.find(({ region }) => contains(region.address, region.size, address, length));
    if (known) return known.region;
    if (this.#fetched > MAXIMUM_BYTES) return undefined;
    const begin = Math.max(range.address, Math.floor(address / PAGE) * PAGE);
    const end = Math.min(range.address + range.size, Math.ceil((address + length) / PAGE) * PAGE);
    // Pages that were fetched before may be among these.
    for (const window of this.#windows) this.#writeBack(window);
    const original = this.#messages.read(begin, end - begin);
    if (!original) return undefined;
    this.#fetched += original.length;
    const region = dmaRegion(begin, original.slice().buffer, end - begin, NO_BORDER);
    this.#windows.push({ region, writable: range.writable, original });
    return region;
  }

  /** Writes back what was changed: what was looked up last goes first, as descriptors are looked up before buffers. */
  flush(): void {
    for (const window of this.#windows.toReversed()) this.#writeBack(window);
    this.#drop();
  }

  #writeBack({ region, writable, original }: Window): void {
    const { bytes } = region;
    // From the end, as rings have their indices ahead of what these announce.
    for (let end = bytes.length; end > 0; ) {
      while (end > 0 && bytes[end - 1] === original[end - 1]) end--;
      if (end === 0) return;
      const begin = runBegin(bytes, original, end);
      if (writable) this.#messages.write(region.address + begin, bytes.subarray(begin, end));
      original.set(bytes.subarray(begin, end), begin);
      end = begin;
    }
  }

  #drop(): void {
    for (const { region } of this.#windows) region.size = 0;
    this.#windows = [];
    this.#fetched = 0;
  }
}

/** Where the run of changes that ends at `end` begins. */
function runBegin(bytes: Uint8Array, original: Uint8Array, end: number): number {
  let begin = end;
  for (let at = end - 1; at >= 0 && begin - at <= GAP; at--) if (bytes[at] !== original[at]) begin = at;
  return begin;
}

function contains(begin: number, size: number, address: number, length: number): boolean {
  return address >= begin && address + length <= begin + size;
}
