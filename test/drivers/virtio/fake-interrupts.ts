/** Interrupts that fire when a test says so. */
import type { Interrupt, InterruptKind, PciInterrupts } from '../../../src/pci/pci-device.ts';

export class FakeInterrupt implements Interrupt {
  unmasked = 0;
  #pending = false;
  #handler: (() => void) | undefined;

  fire(): void {
    if (this.#handler) this.#handler();
    else this.#pending = true;
  }

  wait(): boolean {
    const fired = this.#pending;
    this.#pending = false;
    return fired;
  }

  handle(handler: (() => void) | undefined): void {
    this.#handler = handler;
  }

  keepAlive(): void {}

  unmask(): void {
    this.unmasked++;
  }
}

export class FakeInterrupts implements PciInterrupts {
  readonly kind: InterruptKind;
  readonly maximum: number;
  /** Those enabled now. */
  lines: FakeInterrupt[] = [];
  readonly #onChange: (enabled: boolean) => void;

  constructor(kind: InterruptKind, maximum: number, onChange: (enabled: boolean) => void) {
    this.kind = kind;
    this.maximum = maximum;
    this.#onChange = onChange;
  }

  enable(vectors: number): readonly Interrupt[] {
    if (vectors < 1 || vectors > this.maximum) throw new Error(`${vectors} of ${this.maximum} vectors`);
    this.lines = Array.from({ length: vectors }, () => new FakeInterrupt());
    this.#onChange(true);
    return this.lines;
  }

  disable(): void {
    this.lines = [];
    this.#onChange(false);
  }
}
