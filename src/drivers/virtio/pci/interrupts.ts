/**
 * Interrupts of virtio over PCI (virtio 1.2, section 4.1.5.3): with MSI-X each event has a vector; otherwise there is one
 * interrupt for everything, and the ISR status says why.
 */
import { ISR_CONFIG } from '../../../datasheet/virtio/pci.ts';
import type { Interrupt, InterruptKind, PciDevice, PciInterrupts } from '../../../pci/pci-device.ts';
import type { TransportInterrupts } from '../transport.ts';
import { allowInterruptLine, isRemoval } from './transport.ts';

export class PciTransportInterrupts implements TransportInterrupts {
  readonly kind: InterruptKind;
  readonly maximum: number;
  readonly #device: PciDevice;
  readonly #source: PciInterrupts;
  readonly #readIsr: (() => number) | undefined;

  /** Undefined if the device has none that can be used: without messages it takes an ISR status. */
  static of(device: PciDevice, readIsr: (() => number) | undefined): PciTransportInterrupts | undefined {
    const source = device.interrupts;
    if (!source || (source.kind !== 'msix' && !readIsr)) return undefined;
    return new PciTransportInterrupts(device, source, readIsr);
  }

  private constructor(device: PciDevice, source: PciInterrupts, readIsr: (() => number) | undefined) {
    this.#device = device;
    this.#source = source;
    this.#readIsr = readIsr;
    this.kind = source.kind;
    this.maximum = source.kind === 'msix' ? source.maximum : 1;
  }

  enable(vectors: number): readonly Interrupt[] {
    if (this.kind === 'intx') allowInterruptLine(this.#device, true);
    return this.#source.enable(vectors);
  }

  disable(): void {
    this.#source.disable();
  }

  readCause(): number {
    if (this.kind === 'msix' || !this.#readIsr) return 0;
    try {
      return this.#readIsr();
    } catch (error) {
      // Whoever looks at the device then finds out.
      if (isRemoval(error)) return ISR_CONFIG;
      throw error;
    }
  }
}
