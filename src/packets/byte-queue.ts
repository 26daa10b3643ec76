/** The unread part of a file that arrives in chunks: bytes go in at the back, whole records are taken off at the front. */
import { IxyError } from '../errors.ts';

/** Free bytes that are kept in front of the unread ones, for a header that a reader puts before a packet in place. */
const QUEUE_HEADROOM = 16;

export class ByteQueue {
  /** Unread bytes are `bytes[start … end-1]`; `start` is at least QUEUE_HEADROOM. */
  bytes = new Uint8Array(QUEUE_HEADROOM);
  /** Over all of `bytes`. */
  view = new DataView(this.bytes.buffer);
  start = QUEUE_HEADROOM;
  end = QUEUE_HEADROOM;
  /** Byte position in the file of `bytes[start]`. */
  position = 0;
  readonly #name: string;

  /** `name` begins the messages of `fail`. */
  constructor(name: string) {
    this.#name = name;
  }

  get available(): number {
    return this.end - this.start;
  }

  /** Appends a copy of `chunk[0 … length-1]`. Moves the unread bytes: indices into `bytes` are void afterwards. */
  push(chunk: Uint8Array, length: number): void {
    const unread = this.available;
    const needed = QUEUE_HEADROOM + unread + length;
    const old = this.bytes;
    if (needed > old.length) {
      this.bytes = new Uint8Array(Math.max(needed, old.length * 2));
      this.view = new DataView(this.bytes.buffer);
    }
    this.bytes.set(old.subarray(this.start, this.end), QUEUE_HEADROOM);
    this.bytes.set(length === chunk.length ? chunk : chunk.subarray(0, length), QUEUE_HEADROOM + unread);
    this.start = QUEUE_HEADROOM;
    this.end = needed;
  }

  /** Takes `count` bytes off the front; they stay readable until the next `push`. */
  advance(count: number): void {
    this.start += count;
    this.position += count;
  }

  /** An `ERR_BAD_FILE` about what is found at the front. */
  fail(message: string): IxyError {
    return new IxyError('ERR_BAD_FILE', `${this.#name}: byte ${this.position}: ${message}`);
  }
}
