/** Interrupts of a VFIO device: the kernel, or a process that serves it, takes them and adds to eventfds. */
import { checkInteger, errorMessage, IxyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { EventInterrupt } from '../descriptor-interrupt.ts';
import type { Interrupt, InterruptKind, PciInterrupts } from '../pci-device.ts';
import { structs, VFIO } from './vfio-abi.ts';
import { ask } from './vfio-calls.ts';

/** Best first. */
const KINDS: readonly (readonly [InterruptKind, number])[] = [
  ['msix', VFIO.PCI_MSIX_IRQ_INDEX],
  ['msi', VFIO.PCI_MSI_IRQ_INDEX],
  ['intx', VFIO.PCI_INTX_IRQ_INDEX],
];

/** What VFIO has for them, by whatever way it is asked. Throws once the device is closed. */
export interface InterruptControl {
  /** Readable, or in error, if the device is gone: ends all waiting. */
  readonly lossDescriptor?: number;
  /** DEVICE_GET_IRQ_INFO */
  info(index: number): { readonly count: number; readonly flags: number };
  /** DEVICE_SET_IRQS, with eventfds for `count` vectors from 0 on, or none. */
  set(request: { flags: number; index: number; count: number }, descriptors: readonly number[]): void;
}

export class VfioInterrupts implements PciInterrupts {
  readonly kind: InterruptKind;
  readonly maximum: number;
  readonly #address: string;
  readonly #control: InterruptControl;
  readonly #index: number;
  #enabled: readonly EventInterrupt[] = [];

  /** The best kind that the device has; undefined if it has none. */
  static of(address: string, control: InterruptControl): VfioInterrupts | undefined {
    for (const [kind, index] of KINDS) {
      const { count, flags } = control.info(index);
      if (count > 0 && (flags & VFIO.IRQ_INFO_EVENTFD) !== 0) {
        return new VfioInterrupts(address, control, kind, index, count);
      }
    }
    return undefined;
  }

  private constructor(address: string, control: InterruptControl, kind: InterruptKind, index: number, maximum: number) {
    this.#address = address;
    this.#control = control;
    this.kind = kind;
    this.#index = index;
    this.maximum = maximum;
  }

  enable(vectors: number): readonly Interrupt[] {
    checkInteger(`${this.#address}: interrupt vectors`, vectors, 1, this.maximum);
    if (this.#enabled.length > 0) {
      throw new IxyError('ERR_ARGUMENT', `${this.#address}: interrupts are enabled already; disable them first`);
    }
    const unmask = this.kind === 'intx' ? () => this.#unmask() : undefined;
    const interrupts = Array.from({ length: vectors }, () => new EventInterrupt(unmask, this.#control.lossDescriptor));
    try {
      const descriptors = interrupts.map(({ descriptor }) => descriptor);
      this.#set(VFIO.IRQ_SET_DATA_EVENTFD | VFIO.IRQ_SET_ACTION_TRIGGER, vectors, descriptors);
    } catch (error) {
      for (const interrupt of interrupts) interrupt.close();
      if (error instanceof IxyError) throw error;
      throw new IxyError('ERR_SYSTEM', `${this.#address}: no ${vectors} interrupts to be had: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    this.#enabled = interrupts;
    return interrupts;
  }

  disable(): void {
    const enabled = this.#enabled;
    if (enabled.length === 0) return;
    this.#enabled = [];
    try {
      this.#set(VFIO.IRQ_SET_DATA_NONE | VFIO.IRQ_SET_ACTION_TRIGGER, 0);
    } finally {
      for (const interrupt of enabled) interrupt.close();
    }
  }

  /** Has all of them fire, for who waits: the device is gone, and they shall find out. */
  wake(): void {
    for (const interrupt of this.#enabled) interrupt.fire();
  }

  #unmask(): void {
    this.#set(VFIO.IRQ_SET_DATA_NONE | VFIO.IRQ_SET_ACTION_UNMASK, 1);
  }

  #set(flags: number, count: number, descriptors: readonly number[] = []): void {
    this.#control.set({ flags, index: this.#index, count }, descriptors);
  }
}

/** By the kernel's calls. `device`: its descriptor; throws once it is closed. */
export function kernelInterrupts(device: () => number): InterruptControl {
  return {
    info: (index) => ask(device(), VFIO.DEVICE_GET_IRQ_INFO, structs.irq_info, { index }).fields,
    set(request, descriptors) {
      const struct = structs.irq_set;
      const data = new Int32Array(descriptors);
      const argsz = struct.size + data.byteLength;
      const bytes = struct.encode({ ...request, argsz, start: 0 }, data.byteLength);
      bytes.set(new Uint8Array(data.buffer), struct.size);
      addon().ioctl(device(), VFIO.DEVICE_SET_IRQS, bytes);
    },
  };
}
