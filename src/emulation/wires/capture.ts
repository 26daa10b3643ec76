/**
 * Capture files as the far end: one that is replayed to the NIC, one that takes what the NIC sends, or both. The time
 * stamps written are those of the model's clock, which began at the wall clock's time when the wire was made.
 */
import { IxyError } from '../../errors.ts';
import { CaptureFileWriter } from '../../packets/index.ts';
import type { FrameSink } from '../wire.ts';
import { BYTES, DROPPED_REFUSED, FRAMES, SENT, type Wire, type WireCounters, wireCounters } from './counters.ts';
import { Replay, type ReplayOptions } from './replay.ts';

export interface CaptureOptions extends Partial<ReplayOptions> {
  /** File to create: pcapng if it is called so, else pcap, with nanoseconds. Without one, what the NIC sends is dropped. */
  readonly output?: string;
  /** Bytes kept of each frame. Default: all. */
  readonly snapLength?: number;
}

/** Nanoseconds after which frames written are flushed, for those who follow the file while it grows. */
const FLUSH_INTERVAL = 500_000_000;

export class CaptureWire implements Wire {
  readonly speed = 0;
  connected = true;
  readonly counters: WireCounters;
  flowControl = false;
  readonly #replay: Replay | undefined;
  readonly #writer: CaptureFileWriter | undefined;
  readonly #madeAt = Date.now();
  /** The model's time at the first poll. */
  #firstPoll = Number.NaN;
  #lastFlush = 0;
  /** Time stamp for the frames sent until the next poll. */
  #seconds: number;
  #nanoseconds: number;

  /** Throws what `Replay` throws, and `ERR_SYSTEM` if the output cannot be created. */
  constructor(options: CaptureOptions, counters: WireCounters = wireCounters()) {
    const { input, output, snapLength } = options;
    if (input === undefined && output === undefined) {
      throw new IxyError('ERR_ARGUMENT', 'a capture wire needs a file to replay, or one to write');
    }
    if (input !== undefined && input === output) {
      throw new IxyError('ERR_ARGUMENT', `${input} cannot be replayed and written at the same time`);
    }
    this.counters = counters;
    this.#replay = input === undefined ? undefined : new Replay({ ...options, input }, counters);
    this.#writer = output === undefined ? undefined : new CaptureFileWriter(output, snapLength ? { snapLength } : {});
    this.#seconds = Math.floor(this.#madeAt / 1000);
    this.#nanoseconds = (this.#madeAt % 1000) * 1e6;
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#writer) {
      this.counters[SENT + DROPPED_REFUSED]++;
      return true;
    }
    this.#writer.write(bytes, offset, length, this.#seconds, this.#nanoseconds);
    this.counters[SENT + FRAMES]++;
    this.counters[SENT + BYTES] += length;
    return true;
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    if (this.#writer) this.#setClock(this.#writer, now);
    return this.#replay ? this.#replay.poll(sink, budget, now) : 0;
  }

  close(): void {
    this.connected = false;
    this.#replay?.close();
    this.#writer?.close();
  }

  #setClock(writer: CaptureFileWriter, now: number): void {
    if (Number.isNaN(this.#firstPoll)) {
      this.#firstPoll = now;
      this.#lastFlush = now;
    }
    const elapsed = (this.#madeAt % 1000) * 1e6 + now - this.#firstPoll;
    const seconds = Math.floor(elapsed / 1e9);
    this.#seconds = Math.floor(this.#madeAt / 1000) + seconds;
    this.#nanoseconds = Math.floor(elapsed - seconds * 1e9);
    if (now - this.#lastFlush < FLUSH_INTERVAL) return;
    this.#lastFlush = now;
    writer.flush();
  }
}
