/** The driver's side of a split virtqueue (virtio 1.2, section 2.7), as plain as it can be: for tests of the device. */
import {
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  availableEventWord,
  passesEvent,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAG_WRITE,
  type SplitLayout,
  splitLayout,
  USED_FLAG_NO_NOTIFY,
  USED_FLAGS,
  USED_INDEX,
  USED_RING_WORD,
  usedEventWord,
} from '../../../src/datasheet/virtio/split-ring.ts';
import { addressHigh, addressLow, type DmaDomain, type DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';

const BUFFER = 2048;

interface UsedBuffer {
  readonly id: number;
  /** What the device says it has written. */
  readonly written: Uint8Array;
}

/** Descriptor i has buffer i; chains take descriptors in ring order. */
export class TestQueue {
  readonly index: number;
  readonly size: number;
  readonly layout: SplitLayout;
  readonly ring: DmaMemory;
  readonly buffers: DmaMemory;
  readonly bytes: Uint8Array;
  /** Whether EVENT_IDX was negotiated. */
  eventIndex = false;
  /** Rings the doorbell. */
  kick: () => void = () => {};
  readonly #domain: DmaDomain;
  readonly #words: Int32Array;
  readonly #available: Uint16Array;
  readonly #used: Int32Array;
  #next = 0;
  #availableIndex = 0;
  #usedIndex = 0;

  constructor(domain: DmaDomain, index: number, size: number) {
    this.#domain = domain;
    this.index = index;
    this.size = size;
    this.layout = splitLayout(size);
    this.ring = allocatePlainMemory(this.layout.bytes);
    this.buffers = allocatePlainMemory(size * BUFFER);
    domain.map(this.ring);
    domain.map(this.buffers);
    this.bytes = new Uint8Array(this.buffers.buffer);
    this.#words = new Int32Array(this.ring.buffer);
    this.#available = new Uint16Array(this.ring.buffer, this.layout.available);
    this.#used = new Int32Array(this.ring.buffer, this.layout.used);
  }

  /** Device address of a byte of the ring. */
  address(offset: number): number {
    return this.#domain.addressOf(this.ring, offset);
  }

  /** Offers a chain with buffers to read, of this content, and buffers to write, of these sizes; and notifies. */
  offer(readable: readonly Uint8Array[], writable: readonly number[]): void {
    const head = this.#next;
    const buffers = readable.length + writable.length;
    for (const [i, content] of readable.entries()) {
      this.bytes.set(content, this.#next * BUFFER);
      this.#describe(content.length, i < buffers - 1 ? SPLIT_FLAG_NEXT : 0);
    }
    for (const [i, length] of writable.entries()) {
      this.#describe(length, SPLIT_FLAG_WRITE | (i < writable.length - 1 ? SPLIT_FLAG_NEXT : 0));
    }
    this.#available[AVAILABLE_RING + (this.#availableIndex % this.size)] = head;
    this.#availableIndex = (this.#availableIndex + 1) & 0xffff;
    this.#available[AVAILABLE_INDEX] = this.#availableIndex;
    if (this.#kickWanted()) this.kick();
  }

  offerBuffer(): void {
    this.offer([], [BUFFER]);
  }

  /** Offers buffers for receiving, one less than there are descriptors. */
  fill(): void {
    for (let i = 0; i < this.size - 1; i++) this.offerBuffer();
  }

  /** Wants to be interrupted by the next buffer that is used, with EVENT_IDX. */
  wantInterrupt(): void {
    this.#available[usedEventWord(this.size)] = this.#usedIndex;
  }

  /** Buffers used since the last call. */
  used(): UsedBuffer[] {
    const used: UsedBuffer[] = [];
    const index = new Uint16Array(this.#used.buffer, this.#used.byteOffset)[USED_INDEX];
    for (; this.#usedIndex !== index; this.#usedIndex = (this.#usedIndex + 1) & 0xffff) {
      const at = USED_RING_WORD + 2 * (this.#usedIndex % this.size);
      const id = this.#used[at];
      used.push({ id, written: this.#written(id, this.#used[at + 1]) });
    }
    return used;
  }

  unmap(): void {
    this.#domain.unmap(this.ring);
    this.#domain.unmap(this.buffers);
  }

  /** What the device says of notifications (2.7.10). */
  #kickWanted(): boolean {
    const halves = new Uint16Array(this.#used.buffer, this.#used.byteOffset);
    if (!this.eventIndex) return halves[USED_FLAGS] !== USED_FLAG_NO_NOTIFY;
    return passesEvent(halves[availableEventWord(this.size)], this.#availableIndex, this.#availableIndex - 1);
  }

  #describe(length: number, flags: number): void {
    const descriptor = this.#next;
    this.#next = (descriptor + 1) % this.size;
    const address = this.#domain.addressOf(this.buffers, descriptor * BUFFER);
    const flagsNext = flags | ((flags & SPLIT_FLAG_NEXT) !== 0 ? this.#next << 16 : 0);
    this.#words.set([addressLow(address), addressHigh(address), length, flagsNext], 4 * descriptor);
  }

  /** The bytes of a chain's buffers that the device may write, up to `length`. */
  #written(head: number, length: number): Uint8Array {
    let descriptor = head;
    while ((this.#flags(descriptor) & SPLIT_FLAG_WRITE) === 0 && (this.#flags(descriptor) & SPLIT_FLAG_NEXT) !== 0) {
      descriptor = this.#flags(descriptor) >>> 16;
    }
    return this.bytes.slice(descriptor * BUFFER, descriptor * BUFFER + length);
  }

  #flags(descriptor: number): number {
    return this.#words[4 * descriptor + 3];
  }
}
