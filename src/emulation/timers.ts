/** A model's own clock, and what it has to do at later times. Nanoseconds; few timers, so a plain list does. */

export const MICROSECOND = 1e3;
export const MILLISECOND = 1e6;

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

export class Timers {
  /** Nanoseconds since the model was made. */
  now = 0;
  /** When the next timer is due; Infinity if none. */
  next = Number.POSITIVE_INFINITY;
  #timers: Timer[] = [];

  /** Runs `action` once the clock has reached `now + delay`. */
  after(delay: number, action: () => void): void {
    this.#timers.push({ at: this.now + delay, action });
    this.#timers.sort((a, b) => a.at - b.at);
    this.next = this.#timers[0].at;
  }

  /** Forgets every timer. */
  clear(): void {
    this.#timers = [];
    this.next = Number.POSITIVE_INFINITY;
  }

  /** Moves the clock to `now` (never back) and runs, in order, what has become due, each at its own time. */
  advanceTo(now: number): void {
    while (this.next <= now) {
      const timer = this.#timers.shift();
      if (!timer) break;
      this.next = this.#timers[0]?.at ?? Number.POSITIVE_INFINITY;
      this.now = Math.max(this.now, timer.at);
      timer.action();
    }
    if (now > this.now) this.now = now;
  }
}
