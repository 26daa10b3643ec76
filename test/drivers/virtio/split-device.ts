/** The device's side of a split virtqueue, by virtio 1.2, section 2.7, and of nothing else; it finds breaches of the rules. */
import type { QueueAddresses } from '../../../src/drivers/virtio/transport.ts';
import type { FakeDomain } from './fake-memory.ts';

/** A buffer that the driver made available. */
export interface Buffer {
  readonly id: number;
  readonly pieces: readonly Uint8Array[];
  readonly writable: boolean;
}

/** The device's side of a ring of either format. */
export interface RingDevice {
  readonly size: number;
  /** Buffers made available and not taken yet. */
  readonly pending: number;
  /** Takes the next buffer made available. */
  take(): Buffer | undefined;
  /** Says that a buffer is used; `skip` buffers before this one, in order, are used with it (2.7.9, 2.8.10). */
  use(id: number, length: number, skip?: number): void;
  /** Whether the driver wants to be interrupted for what would be used next. */
  interruptsNext(eventIndex: boolean): boolean;
  /** Wants no notifications. */
  hush(eventIndex: boolean): void;
  /** Wants notifications: with event indices, one, for the buffer that becomes available after `ahead` others. */
  listen(ahead: number, eventIndex: boolean): void;
}

const NEXT = 1;
const WRITE = 2;

export class SplitDevice implements RingDevice {
  readonly size: number;
  readonly table: Uint32Array;
  readonly available: Uint16Array;
  readonly used16: Uint16Array;
  readonly used: Uint32Array;
  readonly #domain: FakeDomain;
  readonly #inOrder: boolean;
  /** Next entry of the available ring to look at, and next element of the used ring to write. */
  seen = 0;
  written = 0;
  #nextDescriptor = 0;

  constructor(domain: FakeDomain, addresses: QueueAddresses, size: number, inOrder = false) {
    this.#domain = domain;
    this.#inOrder = inOrder;
    this.size = size;
    const view = (address: number, bytes: number): readonly [ArrayBufferLike, number] => {
      const found = domain.at(address, bytes);
      return [found.buffer, found.byteOffset];
    };
    this.table = new Uint32Array(...view(addresses.descriptors, 16 * size), 4 * size);
    this.available = new Uint16Array(...view(addresses.driver, 6 + 2 * size), 3 + size);
    this.used16 = new Uint16Array(...view(addresses.device, 6 + 8 * size), 3 + 4 * size);
    this.used = new Uint32Array(...view(addresses.device, 4 + 8 * size), 1 + 2 * size);
  }

  get pending(): number {
    const count = (this.available[1] - this.seen) & 0xffff;
    if (count > this.size) throw new Error(`the available index jumped by ${count}`);
    return count;
  }

  take(): Buffer | undefined {
    if (this.pending === 0) return undefined;
    const id = this.available[2 + (this.seen++ & (this.size - 1))];
    const pieces: Uint8Array[] = [];
    let writable = false;
    for (let descriptor = id, more = true; more; ) {
      if (descriptor >= this.size || pieces.length === this.size) throw new Error(`descriptor ${descriptor}`);
      if (this.#inOrder && descriptor !== this.#nextDescriptor) throw new Error(`${descriptor} is out of order`);
      this.#nextDescriptor = (descriptor + 1) & (this.size - 1);
      const [low, high, length, flags] = this.table.subarray(4 * descriptor, 4 * descriptor + 4);
      if ((flags & 0xffff & ~(NEXT | WRITE)) !== 0) throw new Error(`flags ${flags.toString(16)}`);
      const { buffer, byteOffset } = this.#domain.at(high * 2 ** 32 + low, length);
      pieces.push(new Uint8Array(buffer, byteOffset, length));
      writable = (flags & WRITE) !== 0;
      more = (flags & NEXT) !== 0;
      descriptor = flags >>> 16;
    }
    return { id, pieces, writable };
  }

  use(id: number, length: number, skip = 0): void {
    const slot = this.written & (this.size - 1);
    this.used[1 + 2 * slot] = id;
    this.used[2 + 2 * slot] = length;
    this.written = (this.written + 1 + skip) & 0xffff;
    this.used16[1] = this.written;
  }

  hush(eventIndex: boolean): void {
    if (eventIndex) this.listen(0x7fff, true);
    else this.used16[0] = 1;
  }

  listen(ahead: number, eventIndex: boolean): void {
    if (eventIndex) this.used16[2 + 4 * this.size] = this.available[1] + ahead;
    else this.used16[0] = 0;
  }

  interruptsNext(eventIndex: boolean): boolean {
    return eventIndex ? this.available[2 + this.size] === this.written : (this.available[0] & 1) === 0;
  }
}

/** Fills a buffer's pieces one after the other; returns how many bytes of `bytes` went in. */
export function fill(buffer: Buffer, bytes: Uint8Array): number {
  let done = 0;
  for (const piece of buffer.pieces) {
    const part = bytes.subarray(done, done + piece.length);
    piece.set(part);
    done += part.length;
  }
  return done;
}

/** A buffer's pieces as one. */
export function content(buffer: Buffer): Uint8Array {
  return Uint8Array.from(buffer.pieces.flatMap((piece) => [...piece]));
}
