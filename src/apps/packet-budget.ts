/** How many packets loops may take: one loop by itself, or several on threads of their own together, to the packet. */
import { checkInteger } from '../errors.ts';

export interface PacketBudget {
  /** Packets that may be taken now, at most `most`. */
  allow(most: number): number;
  /** How many of those allowed were taken. */
  use(packets: number): void;
  /** Whether none will be allowed any more. */
  readonly spent: boolean;
}

/** A loop's own. */
export class OwnBudget implements PacketBudget {
  #left: number;

  /** Throws `ERR_ARGUMENT` for what is no count. */
  constructor(count = Number.MAX_SAFE_INTEGER) {
    checkInteger('count', count, 0, Number.MAX_SAFE_INTEGER);
    this.#left = count;
  }

  get spent(): boolean {
    return this.#left === 0;
  }

  allow(most: number): number {
    return Math.min(this.#left, most);
  }

  use(packets: number): void {
    this.#left -= packets;
  }
}

/** Word of what nobody holds, and from there on one for each loop, each on cache lines of its own. */
const FREE = 0;
const STRIDE = 32;
/** What a loop takes at once, unless a burst is larger. */
const PORTION = 256;
/** What fits in an atomic word, and is more than all loops take between two calls of `refill`. */
const MOST_FREE = 2 ** 30;

/** A budget for several loops, as the thread has it that started them. */
export class SharedBudget {
  /** In shared memory, for `BudgetShare`. */
  readonly words: Int32Array;
  readonly count: number;
  /** What is not in `words` yet. */
  #rest: number;

  /** Throws `ERR_ARGUMENT` for what is no count. */
  constructor(count: number, loops: number) {
    checkInteger('count', count, 0, Number.MAX_SAFE_INTEGER);
    this.words = new Int32Array(new SharedArrayBuffer(4 * STRIDE * (loops + 1)));
    this.count = count;
    this.#rest = count;
    this.refill();
  }

  /** To be called now and then. */
  refill(): void {
    const more = Math.min(this.#rest, MOST_FREE - Atomics.load(this.words, FREE));
    this.#rest -= more;
    Atomics.add(this.words, FREE, more);
  }

  /** The loop has ended, and others may have what it held. */
  recover(loop: number): void {
    Atomics.add(this.words, FREE, Atomics.exchange(this.words, (loop + 1) * STRIDE, 0));
  }
}

/**
 * A loop's part of a `SharedBudget`. What it holds goes back as soon as it has no use for it, so that others can have it; so
 * nothing is ever spent for good as far as one loop knows.
 */
export class BudgetShare implements PacketBudget {
  readonly spent = false;
  readonly #words: Int32Array;
  readonly #own: number;

  constructor(words: Int32Array, loop: number) {
    this.#words = words;
    this.#own = (loop + 1) * STRIDE;
  }

  /** Less than `most` only near the end of the budget: for each other size of bursts a loop needs a batch of that size. */
  allow(most: number): number {
    const words = this.#words;
    if (words[this.#own] < most) words[this.#own] += this.#claim(Math.max(most, PORTION));
    return Math.min(words[this.#own], most);
  }

  use(packets: number): void {
    const words = this.#words;
    words[this.#own] -= packets;
    if (packets > 0 || words[this.#own] === 0) return;
    Atomics.add(words, FREE, Atomics.exchange(words, this.#own, 0));
  }

  #claim(most: number): number {
    for (;;) {
      const free = Atomics.load(this.#words, FREE);
      const portion = Math.min(free, most);
      if (portion === 0 || Atomics.compareExchange(this.#words, FREE, free, free - portion) === free) return portion;
    }
  }
}
