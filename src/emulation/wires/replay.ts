/** Sends a capture file: as fast as it is taken, at a steady rate, or with its own timing; once, or round and round. */
import { checkInteger, IxyError } from '../../errors.ts';
import type { FrameSink } from '../wire.ts';
import { type CaptureSource, FileSource, MemorySource } from './capture-source.ts';
import { BYTES, ENDED, FRAMES, RECEIVED, type WireCounters } from './counters.ts';
import { Pacer } from './pacer.ts';

export interface ReplayOptions {
  /** pcap or pcapng file, or '-' for standard input. */
  readonly input: string;
  /** 'original': by the file's time stamps. 'fast' (default): as fast as frames are taken, or at `framesPerSecond`. */
  readonly timing?: 'fast' | 'original';
  readonly framesPerSecond?: number;
  /**
   * How often the file is sent; 0: for ever. Default 1, which reads it as it goes; otherwise all of it is kept in memory.
   * With original timing, a round begins when the one before it has ended.
   */
  readonly loops?: number;
}

export class Replay {
  readonly #source: CaptureSource;
  readonly #counters: WireCounters;
  readonly #pacer: Pacer | undefined;
  #roundsLeft: number;
  /** Found behind the last frame; thrown once that has been sent. */
  #damage: unknown;
  /** With original timing: when the round began. */
  #begin = Number.NaN;

  /** Opens the file and reads the first frame. Throws `ERR_SYSTEM`, `ERR_BAD_FILE`, `ERR_ARGUMENT`. */
  constructor(options: ReplayOptions, counters: WireCounters) {
    const { input, timing = 'fast', framesPerSecond, loops = 1 } = options;
    checkInteger('loops', loops, 0, Number.MAX_SAFE_INTEGER);
    if (timing === 'original' && framesPerSecond) {
      throw new IxyError('ERR_ARGUMENT', 'a capture is sent with its original timing or at a rate, not both');
    }
    this.#counters = counters;
    this.#pacer = timing === 'original' ? undefined : new Pacer(framesPerSecond);
    this.#roundsLeft = loops === 0 ? Number.POSITIVE_INFINITY : loops;
    this.#source = loops === 1 ? new FileSource(input) : new MemorySource(input);
    try {
      if (this.#source.next()) return;
    } catch (error) {
      this.#source.close();
      throw error;
    }
    this.#roundsLeft = 0;
    counters[ENDED] = 1;
  }

  /** Throws `ERR_BAD_FILE` where the file turns out to be damaged, after all frames before that were sent. */
  poll(sink: FrameSink, budget: number, now: number): number {
    if (this.#damage !== undefined) throw this.#damage;
    const source = this.#source;
    const limit = this.#pacer ? Math.min(budget, this.#pacer.allowance(now)) : budget;
    let frames = 0;
    while (frames < limit && this.#roundsLeft > 0 && this.#isDue(now)) {
      const { length } = source;
      if (!sink.deliver(source.bytes, source.offset, length)) break;
      frames++;
      this.#counters[RECEIVED + FRAMES]++;
      this.#counters[RECEIVED + BYTES] += length;
      this.#advance();
    }
    this.#pacer?.spend(frames);
    return frames;
  }

  close(): void {
    this.#roundsLeft = 0;
    this.#source.close();
  }

  #isDue(now: number): boolean {
    if (this.#pacer) return true;
    if (Number.isNaN(this.#begin)) this.#begin = now - this.#source.time;
    return this.#begin + this.#source.time <= now;
  }

  #advance(): void {
    const source = this.#source;
    const { time } = source;
    if (this.#next()) return;
    this.#roundsLeft--;
    if (this.#roundsLeft > 0) {
      source.rewind();
      source.next();
      this.#begin += time;
    } else if (this.#damage === undefined) {
      this.#counters[ENDED] = 1;
    }
  }

  /** The next frame of this round; false at its end, or at damage, which ends all rounds. */
  #next(): boolean {
    try {
      return this.#source.next();
    } catch (error) {
      this.#damage = error;
      this.#roundsLeft = 1;
      return false;
    }
  }
}
