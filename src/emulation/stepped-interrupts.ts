/** Interrupts of a device on the caller's thread: they come while it is stepped, and waiting lets its time pass. */
import { checkInteger, IxyError } from '../errors.ts';
import type { Interrupt, PciInterrupts } from '../pci/pci-device.ts';
import type { DeviceModel } from './device-model.ts';
import { type MsixCapability, msixCapability } from './msix-capability.ts';
import { setUpMsix } from './msix-setup.ts';
import type { Simulation } from './simulation.ts';

/** Time passes in steps of this while somebody waits. */
const SLICE_MILLISECONDS = 0.1;
/** Who waits for ever waits for an hour: nothing that comes later is in the simulation now. */
const FOR_EVER = 3_600_000;

export class SteppedInterrupts implements PciInterrupts {
  readonly kind: 'msix' | 'intx';
  readonly maximum: number;
  readonly #model: DeviceModel;
  readonly #simulation: Simulation;
  readonly #capability: MsixCapability | undefined;
  #lines: readonly SteppedInterrupt[] = [];

  /** `kind`: the best that the slot has to offer. */
  constructor(model: DeviceModel, simulation: Simulation, kind: 'msix' | 'intx') {
    this.#capability = kind === 'msix' ? msixCapability(model.config) : undefined;
    this.kind = this.#capability ? 'msix' : 'intx';
    this.maximum = this.#capability?.vectors ?? 1;
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
    const capability = this.#capability;
    if (!capability) return;
    const write = (offset: number, value: number) => model.write(capability.bar, offset, 4, value);
    setUpMsix({ config: model.config, capability, write }, vectors);
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
