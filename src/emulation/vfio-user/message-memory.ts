/**
 * Client's memory that came without a descriptor. The models read and write memory where they find it, so they get copies:
 * pages are fetched by messages when they are looked up, and what was changed is written back when a burst of work is done,
 * before any interrupt tells of it. Copies of buffers last for one burst. Rings, which are looked up when a driver sets
 * them up, are kept, and fetched anew when the driver says that there is something new.
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

/** Copied pages. */
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
/** Rings that are kept; beyond, the oldest one is taken for forgotten. */
const MAXIMUM_KEPT = 512;
/** Unchanged bytes between two changed runs that are written along: what lies so close together is in one descriptor. */
const GAP = 16;

export class MessageMemory {
  readonly #messages: MemoryMessages;
  /** In the order in which they were looked up: rings, and what the present burst has to do with. */
  #kept: Window[] = [];
  #passing: Window[] = [];
  #passingBytes = 0;
  #inBurst = false;

  constructor(messages: MemoryMessages) {
    this.#messages = messages;
  }

  /** Whether the device works: what it looks up then are buffers. */
  get inBurst(): boolean {
    return this.#inBurst;
  }

  /** Forgets what has a part of this range. */
  remove(address: number, size: number): void {
    const isPart = ({ region }: Window): boolean =>
      region.address < address + size && address < region.address + region.size;
    for (const window of [...this.#kept, ...this.#passing].filter(isPart)) window.region.size = 0;
    this.#kept = this.#kept.filter(({ region }) => region.size > 0);
  }

  /** Forgets the rings. */
  forget(): void {
    for (const { region } of this.#kept) region.size = 0;
    this.#kept = [];
  }

  /** The bytes `address … address+length-1`, which are within `range`; undefined if the client does not deliver them. */
  find(address: number, length: number, range: MessageRange): DmaRegion | undefined {
    if (length > LONGEST || this.#passingBytes > MAXIMUM_BYTES) return undefined;
    // Writable bytes may also be in a window whose other pages are not, so that nothing of that is written back.
    const known = [...this.#kept, ...this.#passing].find(
      ({ region, writable }) => (writable || !range.writable) && contains(region.address, region.size, address, length),
    );
    if (known) return known.region;
    // Pages that were fetched before may be among those that come now.
    this.#writeBackAll();
    const begin = Math.max(range.address, Math.floor(address / PAGE) * PAGE);
    const end = Math.min(range.address + range.size, Math.ceil((address + length) / PAGE) * PAGE);
    const original = this.#messages.read(begin, end - begin);
    if (!original) return undefined;
    const region = dmaRegion(begin, original.slice().buffer, end - begin);
    this.#add({ region, writable: range.writable, original });
    return region;
  }

  /** Fetches a ring anew, or all of them. */
  refresh(only?: DmaRegion): void {
    for (const window of this.#kept) {
      const { region, original } = window;
      if (only && only !== region) continue;
      this.#writeBack(window);
      const bytes = this.#messages.read(region.address, original.length);
      if (!bytes || region.size === 0) continue;
      region.bytes.set(bytes);
      original.set(bytes);
    }
  }

  /** Runs a burst of work, and then writes back what it has changed: what it looked up last goes first. */
  burst<Result>(work: () => Result): Result {
    this.#inBurst = true;
    try {
      return work();
    } finally {
      this.#inBurst = false;
      this.#writeBackAll();
      for (const { region } of this.#passing) region.size = 0;
      this.#passing = [];
      this.#passingBytes = 0;
    }
  }

  /** Buffers first: descriptors tell of them, and not the other way round. */
  #writeBackAll(): void {
    for (const window of [...this.#kept, ...this.#passing].reverse()) this.#writeBack(window);
  }

  #add(window: Window): void {
    if (this.#inBurst) {
      this.#passing.push(window);
      this.#passingBytes += window.original.length;
      return;
    }
    this.#kept.push(window);
    const forgotten = this.#kept.length > MAXIMUM_KEPT ? this.#kept.shift() : undefined;
    if (forgotten) forgotten.region.size = 0;
  }

  #writeBack({ region, writable, original }: Window): void {
    const { bytes } = region;
    // From the end, as rings have their indices ahead of what these announce.
    for (let end = bytes.length; end > 0 && region.size > 0; ) {
      while (end > 0 && bytes[end - 1] === original[end - 1]) end--;
      if (end === 0) return;
      const begin = runBegin(bytes, original, end);
      if (writable) this.#messages.write(region.address + begin, bytes.subarray(begin, end));
      original.set(bytes.subarray(begin, end), begin);
      end = begin;
    }
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
