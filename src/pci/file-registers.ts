/** Registers reached by reading and writing a file: I/O ports, and parts of a memory BAR that cannot be mapped. */
import { readSync, writeSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import type { RegisterFile } from './pci-device.ts';
import { checkedRegisterOffset } from './register-offset.ts';

export class FileRegisters implements RegisterFile {
  readonly size: number;
  readonly doorbells = new Int32Array(0);
  readonly #address: string;
  readonly #descriptor: () => number;
  readonly #offset: number;
  readonly #word = new DataView(new ArrayBuffer(4));

  /** `descriptor`: the file that the BAR begins in at `offset`; throws once the device is closed. */
  constructor(address: string, descriptor: () => number, offset: number, size: number) {
    this.#address = address;
    this.#descriptor = descriptor;
    this.#offset = offset;
    this.size = size;
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

  /** The kernel makes one access of that width of it. */
  #read(offset: number, width: number): void {
    const position = this.#offset + checkedRegisterOffset(this.#address, offset, width, this.size);
    const count = readSync(this.#descriptor(), this.#word, 0, width, position);
    if (count !== width) throw this.#short('read', offset, width, count);
  }

  #write(offset: number, width: number): void {
    const position = this.#offset + checkedRegisterOffset(this.#address, offset, width, this.size);
    const count = writeSync(this.#descriptor(), this.#word, 0, width, position);
    if (count !== width) throw this.#short('written', offset, width, count);
  }

  #short(what: string, offset: number, width: number, count: number): IxyError {
    const place = `register 0x${offset.toString(16)}`;
    return new IxyError('ERR_SYSTEM', `${this.#address}: ${count} of ${width} bytes ${what} at ${place}`);
  }
}
