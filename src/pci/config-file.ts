/** PCI configuration space through a file: sysfs's `config`, or the part of a VFIO device that stands for it. */
import { readSync, writeSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import type { PciConfigSpace } from './pci-device.ts';

/** Bytes of PCI Express configuration space (PCI Express Base Specification 5.0, section 7.2). */
const EXPRESS_SIZE = 4096;

/** Where in the file it lies. */
export interface ConfigPlace {
  readonly offset: number;
  readonly size: number;
}

export class ConfigFile implements PciConfigSpace {
  readonly #address: string;
  readonly #descriptor: () => number;
  readonly #place: ConfigPlace;
  readonly #word = new DataView(new ArrayBuffer(4));

  /** `descriptor` throws once the device is closed; `address` begins error messages. */
  constructor(address: string, descriptor: () => number, place: ConfigPlace = { offset: 0, size: EXPRESS_SIZE }) {
    this.#address = address;
    this.#descriptor = descriptor;
    this.#place = place;
  }

  read8(offset: number): number {
    this.#read(offset, 1);
    return this.#word.getUint8(0);
  }

  read16(offset: number): number {
    this.#read(offset, 2);
    return this.#word.getUint16(0, true);
  }

  read32(offset: number): number {
    this.#read(offset, 4);
    return this.#word.getUint32(0, true);
  }

  write8(offset: number, value: number): void {
    this.#word.setUint8(0, value);
    this.#write(offset, 1);
  }

  write16(offset: number, value: number): void {
    this.#word.setUint16(0, value, true);
    this.#write(offset, 2);
  }

  write32(offset: number, value: number): void {
    this.#word.setUint32(0, value, true);
    this.#write(offset, 4);
  }

  #read(offset: number, width: number): void {
    this.#check(offset, width);
    // The kernel shows an unprivileged process the first 64 bytes only, and ends the file there.
    if (readSync(this.#descriptor(), this.#word, 0, width, this.#place.offset + offset) !== width) {
      throw new IxyError(
        'ERR_PERMISSION',
        `${this.#address}: configuration space could not be read at 0x${offset.toString(16)}; run as root`,
      );
    }
  }

  #write(offset: number, width: number): void {
    this.#check(offset, width);
    writeSync(this.#descriptor(), this.#word, 0, width, this.#place.offset + offset);
  }

  #check(offset: number, width: number): void {
    if (Number.isInteger(offset) && offset >= 0 && offset < this.#place.size && offset % width === 0) return;
    throw new IxyError(
      'ERR_ARGUMENT',
      `${this.#address}: configuration offset must be a multiple of ${width} below ${this.#place.size}, found ${offset}`,
    );
  }
}
