/** PCI configuration space through a file: sysfs's `config`, or the part of a VFIO device that stands for it. */
import { IxyError } from '../errors.ts';
import { hexadecimal } from '../hexadecimal.ts';
import { FileWords } from './file-words.ts';
import type { PciConfigSpace } from './pci-device.ts';

/** Bytes of PCI Express configuration space (PCI Express Base Specification 5.0, section 7.2). */
const EXPRESS_SIZE = 4096;

/** Where in the file it lies. */
interface ConfigPlace {
  readonly offset: number;
  readonly size: number;
}

export class ConfigFile extends FileWords implements PciConfigSpace {
  readonly #address: string;
  readonly #size: number;

  /** `descriptor` throws once the device is closed; `address` begins error messages. */
  constructor(address: string, descriptor: () => number, place: ConfigPlace = { offset: 0, size: EXPRESS_SIZE }) {
    super(descriptor, place.offset);
    this.#address = address;
    this.#size = place.size;
  }

  protected check(offset: number, width: number): void {
    if (Number.isInteger(offset) && offset >= 0 && offset < this.#size && offset % width === 0) return;
    throw new IxyError(
      'ERR_ARGUMENT',
      `${this.#address}: configuration offset must be a multiple of ${width} below ${this.#size}, found ${offset}`,
    );
  }

  /** The kernel shows an unprivileged process the first 64 bytes only, and ends the file there. */
  protected incomplete(verb: string, offset: number): IxyError {
    return new IxyError(
      'ERR_PERMISSION',
      `${this.#address}: configuration space could not be ${verb} at ${hexadecimal(offset)}; run as root`,
    );
  }
}
