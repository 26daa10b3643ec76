/**
 * Devices on the caller's thread, in virtual time: nothing moves unless `step` is called, and waiting costs nothing.
 * Devices that are linked to each other belong into one simulation.
 */
import type { DeviceClock } from '../pci/pci-device.ts';

/** What a simulation needs to know of a device model. */
export interface Steppable {
  /** Moves up to `budget` frames each way; returns how many. */
  step(budget: number): number;
  /** Lets model time pass, in nanoseconds. */
  advance(nanoseconds: number): void;
}

/** Waits are cut into slices of this, in which the devices work: two of them can talk while a driver waits. */
const SLICE_MILLISECONDS = 0.1;
/** Beyond this many slices a wait takes longer ones. */
const MAXIMUM_SLICES = 1000;
const BURST = 64;
const NANOSECONDS = 1e6;

/** A clock, and the devices that live by it. For tests: the caller decides when anything happens. */
export class Simulation {
  readonly #models: Steppable[] = [];
  #now = 0;

  add(model: Steppable): void {
    this.#models.push(model);
  }

  remove(model: Steppable): void {
    const index = this.#models.indexOf(model);
    if (index >= 0) this.#models.splice(index, 1);
  }

  /** Lets every device move up to `budget` frames each way; returns how many moved. No time passes. */
  step(budget = BURST): number {
    let moved = 0;
    for (let i = 0; i < this.#models.length; i++) moved += this.#models[i].step(budget);
    return moved;
  }

  /** Steps until nothing moves any more, at most `rounds` times; returns how many frames moved. */
  settle(rounds = 10_000): number {
    let total = 0;
    for (let round = 0; round < rounds; round++) {
      const moved = this.step();
      if (moved === 0) break;
      total += moved;
    }
    return total;
  }

  /** Lets `milliseconds` pass, during which the devices work. */
  advance(milliseconds: number): void {
    const slices = Math.min(MAXIMUM_SLICES, Math.max(1, Math.ceil(milliseconds / SLICE_MILLISECONDS)));
    for (let i = 0; i < slices; i++) {
      for (const model of this.#models) model.advance((milliseconds / slices) * NANOSECONDS);
      this.step();
    }
    this.#now += milliseconds;
  }

  /** The virtual clock as drivers see it: waits are exact and instant. */
  readonly clock: DeviceClock = {
    now: () => this.#now,
    sleep: async (milliseconds) => this.advance(milliseconds),
    pause: (milliseconds) => this.advance(milliseconds),
  };
}
