/** Interrupts of a device on the caller's thread: they come while it is stepped, and waiting lets its time pass. */
import { checkInteger, IxyError } from '../errors.ts';
import type { Interrupt, PciInterrupts } from '../pci/pci-device.ts';
import { MSIX_VECTORS } from './ixgbe/config.ts';
import type { IxgbeModel } from './ixgbe/model.ts';
import { setUpMsix } from './ixgbe/msix-setup.ts';
import type { Simulation } from './simulation.ts';

/** Time passes in steps of this while somebody waits. */
const SLICE_MILLISECONDS = 0.1;
/** Who waits for ever waits for an hour: nothing that comes later is in the simulation now. */
const FOR_EVER = 3_600_000;

export class SteppedInterrupts implements PciInterrupts {
  readonly kind: 'msix' | 'intx';
  readonly maximum: number;
  readonly #model: IxgbeModel;
  readonly #simulation: Simulation;
  #lines: readonly SteppedInterrupt[] = [];

  constructor(model: IxgbeModel, simulation: Simulation, kind: 'msix' | 'intx') {
    this.kind = kind;
    this.maximum = kind === 'msix' ? MSIX_VECTORS : 1;
    this.#model = model;
    this.#simulation = simulation;
  }

  enable(vectors: number): readonly Interrupt[] {
    checkInteger('interrupt vectors', vectors, 1, this.maximum);
    if (this.#lines.length > 0) throw new IxyError('ERR_ARGUMENT', 'interrupts are enabled already');
    const lines = Array.from({ length: vectors }, () => new SteppedInterrupt(this.#simulation));
    this.#lines = lines;
    this.#model.onInterrupt = (vector) => lines[vector]?.fire();
    this.#setUp(vectors);
    return lines;
  }

  disable(): void {
    if (this.#lines.length === 0) return;
    this.#lines = [];
    this.#setUp(0);
    this.#model.onInterrupt = () => {};
  }

  #setUp(vectors: number): void {
    const model = this.#model;
    if (this.kind === 'msix') setUpMsix(model.config, (offset, value) => model.writeMsix(offset, value), vectors);
  }
}

/** A handler is called at once, in the midst of the step in which the device interrupts. */
class SteppedInterrupt implements Interrupt {
  readonly #simulation: Simulation;
  #fired = false;
  #waiting = false;
  #handler: (() => void) | undefined;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  fire(): void {
    if (this.#handler && !this.#waiting) this.#handler();
    else this.#fired = true;
  }

  wait(milliseconds: number): boolean {
    const { clock } = this.#simulation;
    const end = clock.now() + (milliseconds < 0 ? FOR_EVER : milliseconds);
    this.#waiting = true;
    while (!this.#fired && clock.now() < end) {
      this.#simulation.advance(Math.min(SLICE_MILLISECONDS, end - clock.now()));
    }
    this.#waiting = false;
    const fired = this.#fired;
    this.#fired = false;
    return fired;
  }

  handle(handler: (() => void) | undefined): void {
    this.#handler = handler;
    if (!handler || !this.#fired) return;
    this.#fired = false;
    handler();
  }

  keepAlive(): void {}

  unmask(): void {}
}
