/**
 * One buffer at a time through a split virtqueue (virtio 1.2, section 2.7). Descriptors are taken in the order in which they
 * lie in the table, as IN_ORDER demands (2.7.5.2).
 */
import {
  AVAILABLE_FLAG_NO_INTERRUPT,
  AVAILABLE_FLAGS,
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  SPLIT_ADDRESS_HIGH,
  SPLIT_ADDRESS_LOW,
  SPLIT_DESCRIPTOR_BYTES,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAG_WRITE,
  SPLIT_FLAGS_NEXT,
  SPLIT_LENGTH,
  SPLIT_NEXT_SHIFT,
  splitLayout,
  USED_INDEX,
  USED_RING_WORD,
  usedEventWord,
} from '../../../datasheet/virtio/split-ring.ts';
import { addressHigh, addressLow } from '../../../memory/dma-memory.ts';
import { queueAddresses } from '../queue-init.ts';
import type { QueueAddresses } from '../transport.ts';
import type { BufferPart, ControlRing, ControlRingInit } from './ring.ts';

const WORDS = SPLIT_DESCRIPTOR_BYTES / 4;

export class ControlSplitRing implements ControlRing {
  readonly addresses: QueueAddresses;
  readonly #size: number;
  readonly #eventIndex: boolean;
  readonly #descriptors: Int32Array;
  readonly #available: Uint16Array;
  readonly #used: Uint16Array;
  readonly #usedElements: Uint32Array;
  /** Buffers so far, which is where both indices stand between two of them. */
  #count = 0;
  /** First descriptor of the buffer under way, and of the next one. */
  #head = 0;
  #next = 0;

  constructor({ memory, address, size, eventIndex }: ControlRingInit) {
    const { buffer, byteOffset } = memory.bytes;
    const { available, used } = splitLayout(size);
    this.addresses = queueAddresses('split', size, address);
    this.#size = size;
    this.#eventIndex = eventIndex;
    this.#descriptors = new Int32Array(buffer, byteOffset, WORDS * size);
    this.#available = new Uint16Array(buffer, byteOffset + available, usedEventWord(size) + 1);
    this.#used = new Uint16Array(buffer, byteOffset + used, 2);
    this.#usedElements = new Uint32Array(buffer, byteOffset + used, USED_RING_WORD + 2 * size);
  }

  submit(parts: readonly BufferPart[]): void {
    const available = this.#available;
    this.#head = this.#next;
    for (const [index, part] of parts.entries()) this.#write(part, index === parts.length - 1);
    if (this.#eventIndex)
      available[usedEventWord(this.#size)] = this.#count - 1; // passed already
    else available[AVAILABLE_FLAGS] = AVAILABLE_FLAG_NO_INTERRUPT;
    available[AVAILABLE_RING + (this.#count & (this.#size - 1))] = this.#head;
    Atomics.store(available, AVAILABLE_INDEX, (this.#count + 1) & 0xffff);
  }

  poll(): boolean | string {
    const moved = (Atomics.load(this.#used, USED_INDEX) - this.#count) & 0xffff;
    if (moved === 0) return false;
    const id = this.#usedElements[USED_RING_WORD + 2 * (this.#count & (this.#size - 1))];
    if (moved > 1) return `used ${moved} buffers where there was one`;
    if (id !== this.#head) return `used buffer ${id}, which is not the one made available`;
    this.#count = (this.#count + 1) & 0xffff;
    return true;
  }

  #write({ address, bytes, written }: BufferPart, last: boolean): void {
    const at = this.#next * WORDS;
    this.#next = (this.#next + 1) & (this.#size - 1);
    const flags = (written ? SPLIT_FLAG_WRITE : 0) | (last ? 0 : SPLIT_FLAG_NEXT);
    this.#descriptors[at + SPLIT_ADDRESS_LOW] = addressLow(address);
    this.#descriptors[at + SPLIT_ADDRESS_HIGH] = addressHigh(address);
    this.#descriptors[at + SPLIT_LENGTH] = bytes;
    this.#descriptors[at + SPLIT_FLAGS_NEXT] = flags | (last ? 0 : this.#next << SPLIT_NEXT_SHIFT);
  }
}
