/** The fault 'ring-garbage': the device fills its part of a ring with what no device writes, and does nothing any more. */
import { Random } from '../wires/random.ts';
import type { QueueState } from './queue-state.ts';

export class RingGarbage {
  readonly #state: QueueState;
  readonly #halves: Uint16Array;
  #untold = false;

  /** `halves`: what the device may write. */
  constructor(state: QueueState, halves: Uint16Array) {
    this.#state = state;
    this.#halves = halves;
  }

  /** At each look at the ring: whether the fault strikes now. The garbage is the same for the same seed. */
  strikes(): boolean {
    const { faults } = this.#state.context;
    const fault = faults.armed ? faults.strikes('ring-garbage') : undefined;
    if (!fault) return false;
    const halves = this.#halves;
    const random = new Random(fault.seed);
    for (let i = 0; i < halves.length; i++) halves[i] = random.below(0x1_0000);
    this.#untold = true;
    this.#state.stop();
    return true;
  }

  /** Whether the driver is to be told: once. */
  tell(): boolean {
    const untold = this.#untold;
    this.#untold = false;
    return untold;
  }
}
