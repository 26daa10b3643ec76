/** One direction of a bad line: a transmitter with a rate, a stretch of delay, and accidents on the way. */
import { checkInteger } from '../../errors.ts';
import type { FrameSink } from '../wire.ts';
import { CORRUPTED, type Direction, DUPLICATED, LOST, REORDERED, type WireCounters } from './counters.ts';
import { FrameRing } from './frame-ring.ts';
import type { Impairments } from './impairments.ts';
import { Random } from './random.ts';

/** Bytes that a frame takes on an Ethernet line besides its own: preamble and SFD 8, CRC 4, inter-frame gap 12. */
export const LINE_OVERHEAD = 24;

/** Nanoseconds of line time that may wait at the transmitter: enough for a model that is stepped every millisecond. */
const TRANSMIT_QUEUE = 1_000_000;

/** Nanoseconds that a frame waits for others to overtake it. */
const LONGEST_HOLD = 1_000_000;

export class ImpairedLane implements FrameSink {
  readonly #counters: WireCounters;
  readonly #direction: Direction;
  readonly #random: Random;
  readonly #line: FrameRing;
  readonly #nsPerByte: number;
  readonly #nsPerFrame: number;
  readonly #delay: number;
  readonly #jitter: number;
  readonly #loss: number;
  readonly #duplicate: number;
  readonly #reorder: number;
  readonly #reorderBy: number;
  readonly #corrupt: number;
  /** The frame that is being overtaken, if one is. */
  readonly #held = new FrameRing({ frames: 2, bytes: 1 << 16 });
  readonly #heldSink: FrameSink;
  /** How many frames the held one still lets pass, and until when it waits for them. */
  #overtakers = 0;
  #heldUntil = 0;
  #now = 0;
  /** When the transmitter has sent everything it took; in the past, the line is idle. */
  #lineFree = 0;
  /** No frame arrives before the one ahead of it. */
  #lastDue = 0;

  constructor(impairments: Impairments, counters: WireCounters, direction: Direction) {
    const { frames = 4096, bytes = 4 << 20, seed = 1, reorderBy = 3 } = impairments;
    checkInteger('reorderBy', reorderBy, 1, 1024);
    this.#counters = counters;
    this.#direction = direction;
    this.#random = new Random(seed + direction); // the two directions have different accidents
    this.#line = new FrameRing({ frames, bytes });
    this.#heldSink = { deliver: (from, offset, length) => this.#enter(from, offset, length, this.#lastDue) };
    this.#nsPerByte = impairments.bitsPerSecond ? 8e9 / impairments.bitsPerSecond : 0;
    this.#nsPerFrame = impairments.framesPerSecond ? 1e9 / impairments.framesPerSecond : 0;
    this.#delay = impairments.delay ?? 0;
    this.#jitter = impairments.jitter ?? 0;
    this.#loss = impairments.loss ?? 0;
    this.#duplicate = impairments.duplicate ?? 0;
    this.#reorder = impairments.reorder ?? 0;
    this.#reorderBy = reorderBy;
    this.#corrupt = impairments.corrupt ?? 0;
  }

  /** Takes a frame at the time of the last `advance`; false while the line, or the transmitter before it, is full. */
  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    const now = this.#now;
    if (this.#lineFree > now + TRANSMIT_QUEUE || !this.#line.fits(length)) return false;
    const start = Math.max(this.#lineFree, now);
    this.#lineFree = start + Math.max((length + LINE_OVERHEAD) * this.#nsPerByte, this.#nsPerFrame);
    if (this.#happens(this.#loss, LOST)) return true;
    const due = Math.max(this.#lastDue, this.#lineFree + this.#delay + this.#random.fraction() * this.#jitter);
    if (this.#held.length === 0 && this.#random.chance(this.#reorder)) return this.#hold(bytes, offset, length, due);
    this.#enter(bytes, offset, length, due);
    if (this.#held.length > 0) this.#overtake();
    return true;
  }

  /** Moves the time on; frames that have arrived by then go to `sink`, as many as it takes. */
  advance(now: number, sink?: FrameSink): void {
    this.#now = now;
    if (this.#held.length > 0 && now >= this.#heldUntil) {
      this.#lastDue = Math.max(this.#lastDue, now);
      this.#held.drain(this.#heldSink, 1, now);
    }
    if (sink) this.#line.drain(sink, Number.POSITIVE_INFINITY, now);
  }

  /** Hands over up to `budget` frames that have arrived. */
  drain(sink: FrameSink, budget: number, now: number): number {
    return this.#line.drain(sink, budget, now);
  }

  #enter(bytes: Uint8Array, offset: number, length: number, due: number): boolean {
    const line = this.#line;
    if (!line.push(bytes, offset, length, due)) return false;
    this.#lastDue = due;
    if (this.#happens(this.#corrupt, CORRUPTED)) line.flipBit(this.#random.below(length * 8));
    if (line.fits(length) && this.#happens(this.#duplicate, DUPLICATED)) line.push(bytes, offset, length, due);
    return true;
  }

  #hold(bytes: Uint8Array, offset: number, length: number, due: number): boolean {
    this.#overtakers = this.#reorderBy;
    this.#heldUntil = due + LONGEST_HOLD;
    return this.#held.push(bytes, offset, length, 0);
  }

  /** A frame has passed the held one, which follows the last one it lets pass as soon as the line has room for it. */
  #overtake(): void {
    if (this.#overtakers === this.#reorderBy) this.#counters[this.#direction + REORDERED]++;
    if (this.#overtakers > 0) this.#overtakers--;
    if (this.#overtakers === 0) this.#held.drain(this.#heldSink, 1, 0);
  }

  #happens(probability: number, counter: number): boolean {
    if (probability === 0 || !this.#random.chance(probability)) return false;
    this.#counters[this.#direction + counter]++;
    return true;
  }
}
