/**
 * Totals out of clearing, sticking counters: every register of the table that is one is read before it can fill up, and
 * added to a number that is exact up to 2^53.
 */
import { type IxgbeRegister, ixgbe } from '../../datasheet/ixgbe/index.ts';
import type { Register } from '../../datasheet/registers.ts';
import type { Registers } from './registers.ts';

interface Counter {
  /** As `counters()` names it: 'GPRC', 'GORC' for the pair GORCL/GORCH, 'MPC[3]' in an array. */
  readonly name: string;
  /** The same without an index. */
  readonly array: string;
  readonly low: number;
  /** Offset of the upper half, or −1. */
  readonly high: number;
}

/** The upper half of a pair has four bits. */
const HIGH_MASK = 0xf;
const HIGH_UNIT = 2 ** 32;

const counters: readonly Counter[] = (Object.entries(ixgbe) as [string, Register][]).flatMap(([name, register]) => {
  const spec = register.counter;
  if (!spec) return [];
  const high = spec.high === undefined ? undefined : ixgbe[spec.high as IxgbeRegister];
  const base = high ? name.replace(/_?L$/, '') : name;
  return Array.from({ length: register.length }, (_, index) => ({
    name: register.length > 1 ? `${base}[${index}]` : base,
    array: base,
    low: register.at(index),
    high: high?.at(index) ?? -1,
  }));
});

export class Statistics {
  readonly #registers: Registers;
  readonly #totals = new Float64Array(counters.length);
  /** Next counter that `step` reads. */
  #cursor = 0;

  constructor(registers: Registers) {
    this.#registers = registers;
  }

  /** Reads, and so clears, every counter without counting it: what they held is from before (4.6.5). */
  reset(): void {
    this.accumulate();
    this.#totals.fill(0);
  }

  /** Reads all counters into the totals: about 230 register reads, a quarter of a millisecond of PCIe. */
  accumulate(): void {
    for (let i = 0; i < counters.length; i++) this.#read(i);
  }

  /**
   * Reads the next `count` counters, round and round. Small steps often, rather than all at once now and then: a loop
   * that polls at line rate cannot be away for a quarter of a millisecond.
   */
  step(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#read(this.#cursor);
      this.#cursor = (this.#cursor + 1) % counters.length;
    }
  }

  /** Reads only the counters named `names`; arrays go by their name without an index. */
  refresh(names: readonly string[]): void {
    for (let i = 0; i < counters.length; i++) if (names.includes(counters[i].array)) this.#read(i);
  }

  /** The total of a counter, or of all counters in an array, as of the last reads. */
  total(name: string): number {
    return counters.reduce((sum, { array }, i) => (array === name ? sum + this.#totals[i] : sum), 0);
  }

  /** Totals by name, as of the last reads. */
  totals(): Record<string, number> {
    return Object.fromEntries(counters.map(({ name }, i) => [name, this.#totals[i]]));
  }

  /** Reads all counters for a register dump: what each register held, by offset. The totals take it up as well. */
  dump(): Map<number, number> {
    const values = new Map<number, number>();
    for (let i = 0; i < counters.length; i++) this.#read(i, values);
    return values;
  }

  #read(i: number, seen?: Map<number, number>): void {
    const { low, high } = counters[i];
    const lower = this.#registers.readAt(low);
    seen?.set(low, lower);
    this.#totals[i] += lower;
    if (high < 0) return;
    const upper = this.#registers.readAt(high);
    seen?.set(high, upper);
    this.#totals[i] += (upper & HIGH_MASK) * HIGH_UNIT;
  }
}

/** Counters in the table. */
export const COUNTERS = counters.length;
