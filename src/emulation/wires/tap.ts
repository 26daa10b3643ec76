/**
 * A TAP interface as the far end: what the NIC sends, the kernel receives on the interface, and the other way round. One
 * system call per frame, no copy on the way to the kernel.
 *
 * A frame that the kernel has no memory for is refused (`deliver` returns false) and may be tried again. One that it
 * will never take is dropped and counted: the interface is down, or the frame too short for an Ethernet header.
 */
import { closeSync } from 'node:fs';
import { type Addon, addon } from '../../native/addon.ts';
import type { FrameSink } from '../wire.ts';
import {
  BYTES,
  DROPPED_REFUSED,
  DROPPED_UNPLUGGED,
  FRAMES,
  RECEIVED,
  SENT,
  type Wire,
  type WireCounters,
  wireCounters,
} from './counters.ts';
import { padFrame } from './padding.ts';
import { openTap, type TapOptions } from './tap-device.ts';

/** Larger than any frame of an interface with the largest MTU. */
const BUFFER_SIZE = 1 << 16;

export class TapWire implements Wire {
  readonly speed = 0;
  readonly name: string;
  readonly counters: WireCounters;
  flowControl = false;
  /** False once the interface is gone, or after `close`. An interface that is down still counts as connected. */
  connected = true;
  readonly #addon: Addon;
  #descriptor: number;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  /** Bytes of the frame in the buffer that the NIC has refused so far; 0: none. */
  #waiting = 0;

  /** Throws what `openTap` throws, and `ERR_NO_ADDON`. */
  constructor(options: TapOptions, counters: WireCounters = wireCounters()) {
    this.name = options.name;
    this.counters = counters;
    this.#addon = addon();
    this.#descriptor = openTap(this.#addon, options);
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.connected) {
      this.counters[SENT + DROPPED_UNPLUGGED]++;
      return true;
    }
    let written = 0;
    try {
      written = this.#addon.write(this.#descriptor, bytes, offset, length);
    } catch (error) {
      this.#noticeRemoval(error);
    }
    if (written < 0) return false;
    if (written === 0) {
      this.counters[SENT + DROPPED_REFUSED]++;
      return true;
    }
    this.counters[SENT + FRAMES]++;
    this.counters[SENT + BYTES] += length;
    return true;
  }

  poll(sink: FrameSink, budget: number): number {
    let frames = 0;
    let bytes = 0;
    for (; frames < budget; frames++) {
      const length = this.#waiting > 0 ? this.#waiting : this.#read();
      if (length <= 0) break;
      this.#waiting = length;
      if (!sink.deliver(this.#buffer, 0, length)) break;
      this.#waiting = 0;
      bytes += length;
    }
    this.counters[RECEIVED + FRAMES] += frames;
    this.counters[RECEIVED + BYTES] += bytes;
    return frames;
  }

  close(): void {
    this.connected = false;
    if (this.#descriptor < 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  /** Bytes of the next frame, padded to what a NIC expects; 0 or less if there is none. */
  #read(): number {
    if (!this.connected) return 0;
    try {
      const length = this.#addon.read(this.#descriptor, this.#buffer, 0, BUFFER_SIZE);
      return length > 0 ? padFrame(this.#buffer, length) : length;
    } catch (error) {
      this.#noticeRemoval(error);
      return 0;
    }
  }

  /** The kernel answers EBADFD once the interface has been deleted; nothing else ends a TAP. */
  #noticeRemoval(error: unknown): void {
    if (error instanceof Error && 'code' in error && error.code === 'EBADFD') this.connected = false;
  }
}
