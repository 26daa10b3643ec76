/**
 * The loop that packet programs live in: busy polling in slices, and the event loop between them, so that signals, timers
 * and promises go on. A loop that finds nothing to do for a while naps between its looks.
 */
import { IxyError } from '../errors.ts';

/** What a step returns to end its loop. */
export const DONE = -1;

/**
 * One round of a packet loop. Returns how many packets it moved, 0 if there was nothing to do, `DONE` to end the loop. One
 * that returns nothing is taken to be busy always.
 */
export type Step = () => number | undefined;

/** When a loop ends, and how it shares its thread with the event loop. All times in milliseconds. */
export interface PollOptions {
  /** Ends the loop; looked at between slices. */
  readonly signal?: AbortSignal | undefined;
  /** Called between slices; the loop ends when it returns true. */
  readonly until?: () => boolean;
  /** How long to poll at a stretch; default 1. */
  readonly sliceMilliseconds?: number;
  /** How long to poll in vain before naps begin; default 10, Infinity for never. */
  readonly idleMilliseconds?: number;
  /**
   * How long a nap is; default 0.05, to which Linux adds as much. Shorter than timers can be: what arrives meanwhile must
   * find room in a ring, and 512 descriptors take 34 µs of the smallest packets at 10 Gbit/s. The first packet to arrive
   * ends the naps.
   */
  readonly napMilliseconds?: number;
}

/**
 * Looks at the clock cost time, and some bytes of garbage each; so the steps between two of them are as many as take about
 * this long. The most is for steps that find nothing, as the next may find a burst and take a hundred times as long.
 */
const LOOK_MILLISECONDS = 0.1;
const MOST_STEPS = 1024;
/** Steps after a nap. */
const STEPS_PER_NAP = 16;

const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));

/**
 * Repeats `step` until the signal is aborted, `until` is true or a step returns `DONE`. Rejects with what a step throws.
 * Nothing is allocated per step, and a few hundred bytes per slice.
 */
export function poll(step: Step, options: PollOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const loop = new Loop(step, options);
    const turn = (): void => {
      try {
        if (loop.turn()) resolve();
        else setImmediate(turn);
      } catch (error) {
        reject(error);
      }
    };
    setImmediate(turn);
  });
}

class Loop {
  readonly #step: Step;
  readonly #signal: AbortSignal | undefined;
  readonly #until: (() => boolean) | undefined;
  readonly #slice: number;
  readonly #idleAfter: number;
  readonly #nap: number;
  #lastWork = performance.now();
  #idle = false;
  /** Steps until the next look at the clock. */
  #steps = STEPS_PER_NAP;

  /** Throws `ERR_ARGUMENT`. */
  constructor(step: Step, options: PollOptions) {
    this.#step = step;
    this.#signal = options.signal;
    this.#until = options.until;
    this.#slice = milliseconds('sliceMilliseconds', options.sliceMilliseconds ?? 1);
    this.#idleAfter = milliseconds('idleMilliseconds', options.idleMilliseconds ?? 10);
    this.#nap = milliseconds('napMilliseconds', options.napMilliseconds ?? 0.05);
  }

  /** One slice, or a nap and a few steps; whether the loop is over. */
  turn(): boolean {
    if (this.#signal?.aborted) return true;
    const work = this.#idle ? this.#napAndLook() : this.#poll();
    if (work === DONE || this.#until?.()) return true;
    const now = performance.now();
    if (work > 0) this.#lastWork = now;
    this.#idle = now - this.#lastWork >= this.#idleAfter;
    return false;
  }

  /** Polls for one slice; returns the packets moved, or `DONE`. */
  #poll(): number {
    const begin = performance.now();
    let now = begin;
    let work = 0;
    do {
      const moved = repeat(this.#step, this.#steps);
      if (moved === DONE) return DONE;
      work += moved;
      const before = now;
      now = performance.now();
      this.#adapt(now - before);
    } while (now - begin < this.#slice);
    return work;
  }

  #napAndLook(): number {
    Atomics.wait(NEVER_NOTIFIED, 0, 0, this.#nap);
    return repeat(this.#step, STEPS_PER_NAP);
  }

  /** Settles how many steps to take until the next look, after the last ones took `elapsed` milliseconds. */
  #adapt(elapsed: number): void {
    if (elapsed > 2 * LOOK_MILLISECONDS) {
      this.#steps = Math.max(1, Math.floor((this.#steps * LOOK_MILLISECONDS) / elapsed));
    } else if (elapsed < LOOK_MILLISECONDS / 2) {
      this.#steps = Math.min(2 * this.#steps, MOST_STEPS);
    }
  }
}

/** Takes up to `count` steps; returns the packets moved, or `DONE`. */
function repeat(step: Step, count: number): number {
  let work = 0;
  for (let i = 0; i < count; i++) {
    const moved = step() ?? 1;
    if (moved === DONE) return DONE;
    work += moved;
  }
  return work;
}

function milliseconds(name: string, value: number): number {
  if (value >= 0) return value;
  throw new IxyError('ERR_ARGUMENT', `${name} must be 0 or more, found ${value}`);
}
