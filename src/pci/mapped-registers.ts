/** The registers of a memory BAR that is mapped into this process. */
import { IxyError } from '../errors.ts';
import type { RegisterFile } from './pci-device.ts';
import { checkedRegisterOffset } from './register-offset.ts';

export class MappedRegisters implements RegisterFile {
  readonly size: number;
  readonly doorbells: Int32Array;
  readonly #address: string;
  readonly #registers: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #bytes: Uint8Array;

  /** `mapping`: the whole BAR. Once that is unmapped, each access throws `ERR_CLOSED`. */
  constructor(address: string, mapping: ArrayBuffer) {
    this.#address = address;
    this.size = mapping.byteLength;
    this.doorbells = new Int32Array(mapping);
    this.#registers = new Uint32Array(mapping);
    this.#halves = new Uint16Array(mapping);
    this.#bytes = new Uint8Array(mapping);
  }

  read8(offset: number): number {
    return Atomics.load(this.#bytes, this.#checked(offset, 1));
  }

  read16(offset: number): number {
    return Atomics.load(this.#halves, this.#checked(offset, 2) >>> 1);
  }

  read32(offset: number): number {
    // An atomic load is a plain one for the processor, but one that the compiler neither drops, repeats nor merges.
    return Atomics.load(this.#registers, this.#checked(offset, 4) >>> 2);
  }

  write32(offset: number, value: number): void {
    // Not Atomics.store, which V8 makes an exchange on x86: a locked one on a device's memory reads the register first, and
    // stops the machine's other processors meanwhile. A plain store there never overtakes an earlier one; elsewhere
    // the atomic operation on ordinary memory before it sees to that.
    Atomics.add(order, 0, 0);
    this.#registers[this.#checked(offset, 4) >>> 2] = value;
  }

  write16(offset: number, value: number): void {
    Atomics.add(order, 0, 0);
    this.#halves[this.#checked(offset, 2) >>> 1] = value;
  }

  write8(offset: number, value: number): void {
    Atomics.add(order, 0, 0);
    this.#bytes[this.#checked(offset, 1)] = value;
  }

  #checked(offset: number, width: number): number {
    if (this.#registers.length === 0) {
      throw new IxyError('ERR_CLOSED', `${this.#address}: the device is closed`);
    }
    return checkedRegisterOffset(this.#address, offset, width, this.size);
  }
}

/** Reading and writing it in one atomic step is a full memory barrier. */
const order = new Int32Array(1);
