/** One buffer at a time through a packed virtqueue (virtio 1.2, section 2.8): it moves on by as many descriptors as it has. */
import {
  EVENT_BYTES,
  EVENT_DISABLE,
  EVENT_FLAGS,
  PACKED_ADDRESS_HIGH,
  PACKED_ADDRESS_LOW,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_FLAG_AVAIL,
  PACKED_FLAG_NEXT,
  PACKED_FLAG_USED,
  PACKED_FLAG_WRITE,
  PACKED_FLAGS_SHIFT,
  PACKED_ID_FLAGS,
  PACKED_LENGTH,
  packedLayout,
} from '../../../datasheet/virtio/packed-ring.ts';
import { addressHigh, addressLow } from '../../../memory/dma-memory.ts';
import { queueAddresses } from '../queue-init.ts';
import type { QueueAddresses } from '../transport.ts';
import type { BufferPart, ControlRing, ControlRingInit } from './ring.ts';

const WORDS = PACKED_DESCRIPTOR_BYTES / 4;
const BUFFER_ID = 0;
const ID_MASK = 0xffff;

export class ControlPackedRing implements ControlRing {
  readonly addresses: QueueAddresses;
  readonly #size: number;
  readonly #descriptors: Int32Array;
  /** First descriptor of the next buffer, or of the one under way; and the wrap counter there, the same for both sides. */
  #position = 0;
  #wrap = true;
  /** Descriptors of the buffer under way. */
  #taken = 0;

  constructor({ memory, address, size }: ControlRingInit) {
    const { buffer, byteOffset } = memory.bytes;
    this.addresses = queueAddresses('packed', size, address);
    this.#size = size;
    this.#descriptors = new Int32Array(buffer, byteOffset, WORDS * size);
    new Uint16Array(buffer, byteOffset + packedLayout(size).driver, EVENT_BYTES / 2)[EVENT_FLAGS] = EVENT_DISABLE;
  }

  /** The first descriptor becomes available last, and the others with it (2.8.21). */
  submit(parts: readonly BufferPart[]): void {
    for (let i = parts.length - 1; i >= 0; i--) this.#write(i, parts[i], i === parts.length - 1);
    this.#taken = parts.length;
  }

  poll(): boolean | string {
    const word = Atomics.load(this.#descriptors, this.#position * WORDS + PACKED_ID_FLAGS);
    const flags = word >>> PACKED_FLAGS_SHIFT;
    const avail = (flags & PACKED_FLAG_AVAIL) !== 0;
    const used = (flags & PACKED_FLAG_USED) !== 0;
    if (used !== this.#wrap || avail !== used) return false;
    if ((word & ID_MASK) !== BUFFER_ID) return `used buffer ${word & ID_MASK}, which is not the one made available`;
    this.#position += this.#taken;
    if (this.#position >= this.#size) {
      this.#position -= this.#size;
      this.#wrap = !this.#wrap;
    }
    return true;
  }

  #write(index: number, { address, bytes, written }: BufferPart, last: boolean): void {
    const wrapped = this.#position + index >= this.#size;
    const at = (this.#position + index - (wrapped ? this.#size : 0)) * WORDS;
    const available = this.#wrap !== wrapped ? PACKED_FLAG_AVAIL : PACKED_FLAG_USED;
    const flags = available | (written ? PACKED_FLAG_WRITE : 0) | (last ? 0 : PACKED_FLAG_NEXT);
    this.#descriptors[at + PACKED_ADDRESS_LOW] = addressLow(address);
    this.#descriptors[at + PACKED_ADDRESS_HIGH] = addressHigh(address);
    this.#descriptors[at + PACKED_LENGTH] = bytes;
    Atomics.store(this.#descriptors, at + PACKED_ID_FLAGS, BUFFER_ID | (flags << PACKED_FLAGS_SHIFT));
  }
}
