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

/** Steps between two looks at the clock. */
const STEPS_PER_LOOK = 16;

const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));

/**
 * Repeats `step` until the signal is aborted, `until` is true or a step returns `DONE`. Rejects with what a step throws.
 * Nothing is allocated per step, and one small object per slice.
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

  /** Throws `ERR_ARGUMENT`. */
  constructor(step: Step, options: PollOptions) {
    this.#step = step;
    this.#signal = options.signal;
    this.#until = options.until;
    this.#slice = milliseconds('sliceMilliseconds', options.sliceMilliseconds ?? 1);
    this.#idleAfter = milliseconds('idleMilliseconds', options.idleMilliseconds ?? 10);
    this.#nap = milliseconds('napMilliseconds', options.napMilliseconds ?? 0.05);
  }

  /** One slice, or a nap and a look; whether the loop is over. */
  turn(): boolean {
    if (this.#signal?.aborted) return true;
    if (this.#idle) Atomics.wait(NEVER_NOTIFIED, 0, 0, this.#nap);
    const work = runSlice(this.#step, this.#idle ? 0 : this.#slice);
    if (work === DONE || this.#until?.()) return true;
    const now = performance.now();
    if (work > 0) this.#lastWork = now;
    this.#idle = now - this.#lastWork >= this.#idleAfter;
    return false;
  }
}

/** Polls for so long, and at least until the clock is looked at; returns the packets moved, or `DONE`. */
function runSlice(step: Step, duration: number): number {
  const end = performance.now() + duration;
  let work = 0;
  do {
    for (let i = 0; i < STEPS_PER_LOOK; i++) {
      const moved = step() ?? 1;
      if (moved === DONE) return DONE;
      work += moved;
    }
  } while (performance.now() < end);
  return work;
}

function milliseconds(name: string, value: number): number {
  if (value >= 0) return value;
  throw new IxyError('ERR_ARGUMENT', `${name} must be 0 or more, found ${value}`);
}
