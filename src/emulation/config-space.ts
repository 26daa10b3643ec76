/**
 * PCI configuration space of an emulated device: bytes, and a mask of what software may write. (PCI Local Bus
 * Specification 3.0, chapter 6.)
 */
import { IxyError } from '../errors.ts';
import type { PciConfigSpace } from '../pci/pci-device.ts';

export class ConfigSpace implements PciConfigSpace {
  /** Whether the device is there: without it reads give all ones, and writes go nowhere. */
  present = true;
  /** Called after each write with the first byte written and the bytes' number. */
  onWrite: (offset: number, length: number) => void = () => {};
  /** Called before each read, in the same way. */
  onRead: (offset: number, length: number) => void = () => {};
  readonly #bytes: DataView;
  readonly #writable: Uint8Array;
  readonly #initial: Uint8Array;

  /** `initial`: the content after a reset; `writable`: a mask, as long, of the bits that software may change. */
  constructor(initial: Uint8Array, writable: Uint8Array) {
    this.#initial = initial;
    this.#writable = writable;
    this.#bytes = new DataView(initial.slice().buffer);
  }

  /** Puts back the initial content. */
  reset(): void {
    new Uint8Array(this.#bytes.buffer).set(this.#initial);
  }

  read8(offset: number): number {
    const at = this.#reach(offset, 1);
    return this.present ? this.#bytes.getUint8(at) : 0xff;
  }

  read16(offset: number): number {
    const at = this.#reach(offset, 2);
    return this.present ? this.#bytes.getUint16(at, true) : 0xffff;
  }

  read32(offset: number): number {
    const at = this.#reach(offset, 4);
    return this.present ? this.#bytes.getUint32(at, true) : 0xffff_ffff;
  }

  write8(offset: number, value: number): void {
    this.#change(offset, 1, value);
  }

  write16(offset: number, value: number): void {
    this.#change(offset, 2, value);
  }

  write32(offset: number, value: number): void {
    this.#change(offset, 4, value);
  }

  /** As `read8`, `read16` or `read32`, and so `write`. */
  read(offset: number, bytes: 1 | 2 | 4): number {
    return bytes === 1 ? this.read8(offset) : bytes === 2 ? this.read16(offset) : this.read32(offset);
  }

  write(offset: number, bytes: 1 | 2 | 4, value: number): void {
    if (bytes === 1) this.write8(offset, value);
    else if (bytes === 2) this.write16(offset, value);
    else this.write32(offset, value);
  }

  /** The device's own look at the 32 bits at `offset`; no hook is called. */
  load32(offset: number): number {
    return this.#bytes.getUint32(offset, true);
  }

  /** The device's own change of `length` bytes, whatever software may write; no hook is called. */
  store(offset: number, length: number, value: number): void {
    for (let i = 0; i < length; i++) this.#bytes.setUint8(offset + i, (value >>> (8 * i)) & 0xff);
  }

  #reach(offset: number, length: number): number {
    const at = this.#checked(offset, length);
    if (this.present) this.onRead(at, length);
    return at;
  }

  #change(offset: number, length: number, value: number): void {
    this.#checked(offset, length);
    if (!this.present) return;
    for (let i = 0; i < length; i++) {
      const at = offset + i;
      const mask = this.#writable[at];
      const written = (value >>> (8 * i)) & 0xff;
      this.#bytes.setUint8(at, (this.#bytes.getUint8(at) & ~mask) | (written & mask));
    }
    this.onWrite(offset, length);
  }

  #checked(offset: number, length: number): number {
    if (Number.isInteger(offset) && offset >= 0 && offset % length === 0 && offset + length <= this.#writable.length) {
      return offset;
    }
    throw new IxyError(
      'ERR_ARGUMENT',
      `configuration space has ${this.#writable.length} bytes, accessed by aligned words; found ${length} bytes at ${offset}`,
    );
  }
}
