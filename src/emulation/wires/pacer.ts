/** Says how many frames may leave by now, at a steady rate. */

/** Nanoseconds that a sender may be behind and still catch up; what a longer stall costs is not made up for. */
const LONGEST_LAG = 1_000_000;

export class Pacer {
  readonly #interval: number;
  /** When the next frame may leave. */
  #next = Number.NaN;

  /** `framesPerSecond`: above 0, or undefined for as many as are wanted. */
  constructor(framesPerSecond: number | undefined) {
    this.#interval = framesPerSecond ? 1e9 / framesPerSecond : 0;
  }

  /** Frames that may leave at `now`, in nanoseconds; the first one may leave at the first call. */
  allowance(now: number): number {
    if (this.#interval === 0) return Number.POSITIVE_INFINITY;
    if (!(this.#next >= now - Math.max(LONGEST_LAG, this.#interval))) this.#next = now;
    return this.#next > now ? 0 : Math.floor((now - this.#next) / this.#interval) + 1;
  }

  /** Takes note that `frames` have left. */
  spend(frames: number): void {
    this.#next += frames * this.#interval;
  }
}
