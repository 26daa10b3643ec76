/**
 * Time stamps for packets, one for each burst: the wall clock's time when the clock was made, and the monotonic clock's
 * since then, so that no step of the wall clock makes packets go back in time. In steps of less than a microsecond.
 */
export class BurstClock {
  /** Whole seconds since 1970-01-01 UTC, and nanoseconds 0 … 999,999,999, of the last `tick`. */
  seconds = 0;
  nanoseconds = 0;
  readonly #madeAt = Date.now();
  readonly #monotonicAt = performance.now();

  tick(): void {
    const elapsed = Math.floor(((this.#madeAt % 1000) + performance.now() - this.#monotonicAt) * 1e6);
    const seconds = Math.floor(elapsed / 1e9);
    this.seconds = Math.floor(this.#madeAt / 1000) + seconds;
    this.nanoseconds = elapsed - seconds * 1e9;
  }
}
