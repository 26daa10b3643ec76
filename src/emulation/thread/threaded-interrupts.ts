/** Interrupts of a device on another thread, which adds to eventfds as the kernel does for a real device. */
import { checkInteger, IxyError } from '../../errors.ts';
import { EventInterrupt } from '../../pci/descriptor-interrupt.ts';
import type { Interrupt, PciConfigSpace, PciInterrupts, RegisterFile } from '../../pci/pci-device.ts';
import { type MsixCapability, msixCapability } from '../msix-capability.ts';
import { setUpMsix } from '../msix-setup.ts';

interface InterruptTarget {
  readonly config: PciConfigSpace;
  bar(index: number): RegisterFile;
  /** Has the device add to these eventfds from now on, one per vector. */
  announce(descriptors: readonly number[]): void;
}

export class ThreadedInterrupts implements PciInterrupts {
  readonly kind: 'msix' | 'intx';
  readonly maximum: number;
  readonly #target: InterruptTarget;
  readonly #capability: MsixCapability | undefined;
  #enabled: readonly EventInterrupt[] = [];

  constructor(target: InterruptTarget) {
    this.#target = target;
    this.#capability = msixCapability(target.config);
    this.kind = this.#capability ? 'msix' : 'intx';
    this.maximum = this.#capability?.vectors ?? 1;
  }

  enable(vectors: number): readonly Interrupt[] {
    checkInteger('interrupt vectors', vectors, 1, this.maximum);
    if (this.#enabled.length > 0) throw new IxyError('ERR_ARGUMENT', 'interrupts are enabled already');
    const interrupts = Array.from({ length: vectors }, () => new EventInterrupt());
    try {
      this.#target.announce(interrupts.map(({ descriptor }) => descriptor));
      this.#setUp(vectors);
    } catch (error) {
      for (const interrupt of interrupts) interrupt.close();
      throw error;
    }
    this.#enabled = interrupts;
    return interrupts;
  }

  disable(): void {
    const enabled = this.#enabled;
    if (enabled.length === 0) return;
    this.#enabled = [];
    try {
      this.#setUp(0);
      this.#target.announce([]);
    } finally {
      for (const interrupt of enabled) interrupt.close();
    }
  }

  #setUp(vectors: number): void {
    const capability = this.#capability;
    if (!capability) return;
    const { config } = this.#target;
    const table = this.#target.bar(capability.bar);
    setUpMsix({ config, capability, write: (offset, value) => table.write32(offset, value) }, vectors);
  }
}
