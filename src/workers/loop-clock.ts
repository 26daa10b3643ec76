/** The clocks of a packet loop and of its watch: read without garbage, as numbers that functions return are not. */
import { addon } from '../native/addon.ts';

/** Each function writes to its word, in nanoseconds. A test has others. */
export interface LoopClock {
  readonly time: Float64Array;
  /** Time of the machine, CLOCK_MONOTONIC. */
  readonly readTime: () => void;
  readonly cpu: Float64Array;
  /** CPU time of the calling thread. */
  readonly readCpu: () => void;
}

/** V8 keeps the smallest arrays on its heap, where they move. */
const WORDS = 32;

export function loopClock(): LoopClock {
  const { constants } = addon();
  const [time, cpu] = [newWords(), newWords()];
  return {
    time,
    readTime: addon().clock(constants.CLOCK_MONOTONIC, time),
    cpu,
    readCpu: addon().clock(constants.CLOCK_THREAD_CPUTIME_ID, cpu),
  };
}

function newWords(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * WORDS));
}
