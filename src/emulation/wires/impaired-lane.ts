/** One direction of a bad line: a transmitter with a rate, a stretch of delay, and accidents on the way. */
import { checkInteger } from '../../errors.ts';
import type { FrameSink } from '../wire.ts';
import { CORRUPTED, type Direction, DUPLICATED, LOST, REORDERED, type WireCounters } from './counters.ts';
import { FrameRing } from './frame-ring.ts';
import type { Impairments } from './impairments.ts';
import { Random } from './random.ts';

/** Bytes that a frame takes on an Ethernet line besides its own: preamble and SFD 8, CRC 4, inter-frame gap 12. */
const LINE_OVERHEAD = 24;

/** Nanoseconds of line time that may wait at the transmitter: enough for a model that is stepped every millisecond. */
const TRANSMIT_QUEUE = 1_000_000;

/** Nanoseconds that a frame waits for others to overtake it. */
const LONGEST_HOLD = 1_000_000;

// Times, in an array because a double in a field is a new object for each change.
const NOW = 0;
/** When the transmitter has sent everything it took; in the past, the line is idle. */
const LINE_FREE = 1;
/** When the last frame arrives: none comes before the one ahead of it. */
const LAST_DUE = 2;
/** Until when the held frame waits to be overtaken. */
const HELD_UNTIL = 3;

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
  /** How many frames the held one still lets pass. */
  #overtakers = 0;
  readonly #times = new Float64Array(4);

  constructor(impairments: Impairments, counters: WireCounters, direction: Direction) {
    const { frames = 4096, bytes = 4 << 20, seed = 1, reorderBy = 3 } = impairments;
    checkInteger('reorderBy', reorderBy, 1, 1024);
    this.#counters = counters;
    this.#direction = direction;
    this.#random = new Random(seed + direction); // the two directions have different accidents
    this.#line = new FrameRing({ frames, bytes });
    this.#heldSink = { deliver: (from, offset, length) => this.#enter(from, offset, length) };
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
    const times = this.#times;
    const now = times[NOW];
    if (times[LINE_FREE] > now + TRANSMIT_QUEUE || !this.#line.fits(length)) return false;
    const start = Math.max(times[LINE_FREE], now);
    const sent = start + Math.max((length + LINE_OVERHEAD) * this.#nsPerByte, this.#nsPerFrame);
    times[LINE_FREE] = sent;
    if (this.#happens(this.#loss, LOST)) return true;
    const jitter = this.#jitter === 0 ? 0 : this.#random.fraction() * this.#jitter;
    const due = Math.max(times[LAST_DUE], sent + this.#delay + jitter);
    if (this.#reorder > 0 && this.#held.length === 0 && this.#random.chance(this.#reorder)) {
      times[HELD_UNTIL] = due + LONGEST_HOLD;
      this.#overtakers = this.#reorderBy;
      return this.#held.push(bytes, offset, length);
    }
    times[LAST_DUE] = due;
    this.#enter(bytes, offset, length);
    if (this.#held.length > 0) this.#overtake();
    return true;
  }

  /** Moves the time on; frames that have arrived by then go to `sink`, as many as it takes. */
  advance(now: number, sink?: FrameSink): void {
    const times = this.#times;
    times[NOW] = now;
    if (this.#held.length > 0 && now >= times[HELD_UNTIL]) {
      times[LAST_DUE] = Math.max(times[LAST_DUE], now);
      this.#held.drain(this.#heldSink, 1, now);
    }
    if (sink) this.#line.drain(sink, Number.POSITIVE_INFINITY, now);
  }

  /** Hands over up to `budget` frames that have arrived. */
  drain(sink: FrameSink, budget: number, now: number): number {
    return this.#line.drain(sink, budget, now);
  }

  /** Puts a frame on the line, to arrive at LAST_DUE; false if there is no room. */
  #enter(bytes: Uint8Array, offset: number, length: number): boolean {
    const line = this.#line;
    if (!line.push(bytes, offset, length)) return false;
    line.delayLast(this.#times[LAST_DUE]);
    if (this.#happens(this.#corrupt, CORRUPTED)) line.flipBit(this.#random.below(length * 8));
    if (!line.fits(length) || !this.#happens(this.#duplicate, DUPLICATED)) return true;
    line.push(bytes, offset, length);
    line.delayLast(this.#times[LAST_DUE]);
    return true;
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
