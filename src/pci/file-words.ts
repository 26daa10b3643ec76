/** Little-endian words in a file that stands for part of a device: the kernel makes one access of that width of each. */
import { readSync, writeSync } from 'node:fs';

export abstract class FileWords {
  readonly #descriptor: () => number;
  readonly #begin: number;
  readonly #word = new DataView(new ArrayBuffer(4));

  /** `descriptor`: the file that the words begin in at `begin`; throws once the device is closed. */
  constructor(descriptor: () => number, begin: number) {
    this.#descriptor = descriptor;
    this.#begin = begin;
  }

  /** Throws `ERR_ARGUMENT` unless there is a word of `width` bytes at `offset`. */
  protected abstract check(offset: number, width: number): void;

  /** What to throw when the kernel read or wrote `count` bytes of `width` only. */
  protected abstract incomplete(verb: 'read' | 'written', offset: number, width: number, count: number): Error;

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
    this.check(offset, width);
    const count = readSync(this.#descriptor(), this.#word, 0, width, this.#begin + offset);
    if (count !== width) throw this.incomplete('read', offset, width, count);
  }

  #write(offset: number, width: number): void {
    this.check(offset, width);
    const count = writeSync(this.#descriptor(), this.#word, 0, width, this.#begin + offset);
    if (count !== width) throw this.incomplete('written', offset, width, count);
  }
}
