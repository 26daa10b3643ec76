/**
 * Random numbers that a seed repeats: Bob Jenkins' small fast generator (sfc32), 128 bits of state, no multiplication,
 * and nothing allocated. Not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c = 0;
  #counter = 1;

  /** `seed`: any number; its low 53 bits count. */
  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    // Close seeds begin with like numbers; twelve rounds take the likeness away.
    for (let round = 0; round < 12; round++) this.#next();
  }

  /** 0 ≤ fraction < 1. */
  fraction(): number {
    return (this.#next() >>> 0) / 2 ** 32;
  }

  /** An integer, 0 … `limit`−1; `limit` at most 2^31. */
  below(limit: number): number {
    return Math.floor(((this.#next() >>> 0) / 2 ** 32) * limit);
  }

  /** True with this probability, 0 … 1. */
  chance(probability: number): boolean {
    return this.#next() >>> 0 < probability * 2 ** 32;
  }

  /** 32 random bits, as an int32: those need no memory, which larger numbers may. */
  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }
}
