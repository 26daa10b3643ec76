/**
 * The clock for time stamps (datasheet rev 3.4, sections 7.9 and 8.2.3.26): SYSTIM grows by TIMINCA.INCVALUE in every
 * INCPERIOD-th cycle of a clock that runs with the link, 6.4 ns at 10 Gbit/s.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import type { ModelContext } from '../context.ts';

const { SYSTIML, SYSTIMH, TIMINCA, TIMADJL, TIMADJH } = ixgbe;
const CYCLE_10G = 6.4;
const WORD = 32n;
const SIGN = 0x8000_0000 | 0;

export class SystemTime {
  readonly #context: ModelContext;
  readonly #speed: () => number;
  /** SYSTIM at the moment `#since`, from which it grows as the registers say. */
  #base = 0n;
  #since = 0;

  /** `speed`: the link's, in Mbit/s. */
  constructor(context: ModelContext, speed: () => number) {
    this.#context = context;
    this.#speed = speed;
    const { registers } = context;
    // The upper half is latched with the lower one, so that a pair read low first is one moment.
    registers.onRead(SYSTIML, () => {
      const now = this.now();
      registers.set(SYSTIMH, Number(BigInt.asIntN(32, now >> WORD)));
      return Number(BigInt.asIntN(32, now));
    });
    registers.onWrite(SYSTIML, (value) => this.#rebase(value, BigInt.asUintN(64, this.now()) >> WORD));
    registers.onWrite(SYSTIMH, (value) => {
      this.#rebase(Number(BigInt.asIntN(32, this.now())), BigInt(value >>> 0));
      return value;
    });
    registers.onWrite(TIMINCA, (value) => {
      this.rebase();
      return value;
    });
    registers.onWrite(TIMADJH, (value) => {
      const step = (BigInt(value & ~SIGN) << WORD) | BigInt(registers.get(TIMADJL) >>> 0);
      this.rebase();
      this.#base += value < 0 ? -step : step;
      return value;
    });
  }

  reset(): void {
    this.#base = 0n;
    this.#since = this.#context.timers.now;
  }

  /** The time now, in units that INCVALUE defines; the lower 64 bits count. */
  now(): bigint {
    const { registers, timers } = this.#context;
    const control = registers.get(TIMINCA);
    const period = extract(TIMINCA.bits.INCPERIOD, control) * CYCLE_10G * (10_000 / (this.#speed() || 10_000));
    if (period === 0) return this.#base;
    const increments = Math.floor((timers.now - this.#since) / period);
    return this.#base + BigInt(increments) * BigInt(extract(TIMINCA.bits.INCVALUE, control));
  }

  /** Goes on from the present time: to be called before what it depends on changes. */
  rebase(): void {
    this.#base = this.now();
    this.#since = this.#context.timers.now;
  }

  #rebase(low: number, high: bigint): number {
    this.#base = (high << WORD) | BigInt(low >>> 0);
    this.#since = this.#context.timers.now;
    return low;
  }
}
