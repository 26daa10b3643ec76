/**
 * The interrupt line of a device that uio_pci_generic has (Linux, Documentation/driver-api/uio-howto.rst): the kernel masks
 * it in the command register when it fires, counts it, and leaves the unmasking to whoever reads the count.
 *
 * Beyond that the open file guards the machine: when it is closed, even by SIGKILL, the kernel ends bus mastering.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { checkInteger } from '../errors.ts';
import { DescriptorInterrupt } from './descriptor-interrupt.ts';
import {
  type Interrupt,
  PCI_COMMAND,
  PCI_COMMAND_INTX_DISABLE,
  type PciConfigSpace,
  type PciInterrupts,
} from './pci-device.ts';
import { explainAccess } from './sysfs-files.ts';

export class UioInterrupts implements PciInterrupts {
  readonly kind = 'intx';
  readonly maximum = 1;
  readonly #address: string;
  readonly #config: PciConfigSpace;
  readonly #line: DescriptorInterrupt;

  /** Opens `path`, such as '/dev/uio0'. Throws `ERR_PERMISSION`, `ERR_SYSTEM`. */
  constructor(address: string, path: string, config: PciConfigSpace) {
    this.#address = address;
    this.#config = config;
    const descriptor = openUio(address, path);
    this.#line = new DescriptorInterrupt({ descriptor, counterBytes: 4, unmask: () => this.#mask(0) });
  }

  enable(vectors: number): readonly Interrupt[] {
    checkInteger(`${this.#address}: interrupt vectors`, vectors, 1, this.maximum);
    this.#mask(0);
    return [this.#line];
  }

  disable(): void {
    this.#mask(PCI_COMMAND_INTX_DISABLE);
    this.#line.close();
  }

  /** After `disable`, once the device does no DMA any more. */
  close(): void {
    this.#line.close();
    closeSync(this.#line.descriptor);
  }

  #mask(bit: number): void {
    const others = this.#config.read16(PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE;
    this.#config.write16(PCI_COMMAND, others | bit);
  }
}

function openUio(address: string, path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw explainAccess(error, address, path);
  }
}
