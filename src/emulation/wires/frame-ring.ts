/**
 * Frames in flight: a first-in first-out queue in one byte arena, bounded in frames and in bytes. Everything is
 * allocated at construction; a frame costs a copy and three stores.
 */
import { checkInteger } from '../../errors.ts';
import type { FrameSink } from '../wire.ts';
import { FrameCopier } from './frame-copier.ts';

/** Frames begin on a word of the arena, so that they can be copied by words. */
const ALIGNMENT = 8;

export interface FrameRingSize {
  /** Frames that fit in; a power of two, 2 … 2^20. Default 1024. */
  readonly frames?: number;
  /** Bytes that fit in, 64 KiB (so that any frame does) … 1 GiB. Default 1 MiB. */
  readonly bytes?: number;
}

export class FrameRing {
  /** Bytes of all frames that `drain` has handed over. */
  drainedBytes = 0;

  readonly #copier: FrameCopier;
  readonly #arena: Uint8Array;
  readonly #offsets: Int32Array;
  readonly #lengths: Int32Array;
  /** When a frame may leave, in the model's nanoseconds. */
  readonly #due: Float64Array;
  readonly #mask: number;
  /** Frames ever pushed and ever drained, modulo 2^32. */
  #pushed = 0;
  #drained = 0;
  /** Where the next frame goes, and where the oldest one begins; equal and no frames: empty. */
  #writeAt = 0;

  constructor(size: FrameRingSize = {}) {
    const { frames = 1024, bytes = 1 << 20 } = size;
    checkInteger('frames in flight', frames, 2, 2 ** 20);
    checkInteger('bytes in flight', bytes, 1 << 16, 2 ** 30);
    const slots = 2 ** Math.ceil(Math.log2(frames));
    this.#arena = new Uint8Array(bytes);
    this.#copier = new FrameCopier(this.#arena);
    this.#offsets = new Int32Array(slots);
    this.#lengths = new Int32Array(slots);
    this.#due = new Float64Array(slots);
    this.#mask = slots - 1;
  }

  /** Frames in the ring. */
  get length(): number {
    return (this.#pushed - this.#drained) | 0;
  }

  /** Whether a frame of `length` bytes would fit in now. */
  fits(length: number): boolean {
    return this.#place(length) >= 0;
  }

  /** Appends a copy of the frame, which may leave at once; false if there is no room. */
  push(bytes: Uint8Array, offset: number, length: number): boolean {
    const at = this.#place(length);
    if (at < 0) return false;
    this.#copier.copy(bytes, offset, at, length);
    const slot = this.#pushed & this.#mask;
    this.#offsets[slot] = at;
    this.#lengths[slot] = length;
    this.#due[slot] = 0;
    this.#pushed = (this.#pushed + 1) | 0;
    this.#writeAt = at + ((length + ALIGNMENT - 1) & -ALIGNMENT);
    return true;
  }

  /** Keeps the frame pushed last, and with it those behind it, until `time`. */
  delayLast(time: number): void {
    this.#due[(this.#pushed - 1) & this.#mask] = time;
  }

  /** Flips one bit of the frame pushed last. */
  flipBit(bit: number): void {
    const slot = (this.#pushed - 1) & this.#mask;
    const index = this.#offsets[slot] + (bit >>> 3);
    this.#arena[index] = this.#arena[index] ^ (1 << (bit & 7));
  }

  /** Hands over up to `budget` frames that are due, oldest first, until `sink` refuses one; returns how many. */
  drain(sink: FrameSink, budget: number, now: number): number {
    let count = 0;
    for (; count < budget && this.#drained !== this.#pushed; count++) {
      const slot = this.#drained & this.#mask;
      const length = this.#lengths[slot];
      if (this.#due[slot] > now || !sink.deliver(this.#arena, this.#offsets[slot], length)) break;
      this.#drained = (this.#drained + 1) | 0;
      this.drainedBytes += length;
    }
    return count;
  }

  /** Forgets every frame. */
  clear(): void {
    this.#drained = this.#pushed;
  }

  /** Where a frame of `length` bytes can lie in one piece, or −1. */
  #place(length: number): number {
    if (this.length > this.#mask) return -1;
    if (this.#drained === this.#pushed) return length <= this.#arena.length ? 0 : -1;
    const oldest = this.#offsets[this.#drained & this.#mask];
    const writeAt = this.#writeAt;
    if (writeAt <= oldest) return length <= oldest - writeAt ? writeAt : -1;
    if (length <= this.#arena.length - writeAt) return writeAt;
    return length <= oldest ? 0 : -1;
  }
}
