/** A BAR of which only parts may be mapped: on older kernels the MSI-X table's page is left out. */
import type { FileRegisters } from '../file-registers.ts';
import { MappedRegisters } from '../mapped-registers.ts';
import type { RegisterFile } from '../pci-device.ts';
import { checkedRegisterOffset } from '../register-offset.ts';

/** A mapped part: its place in the BAR, and the memory. */
export interface MappedArea {
  readonly offset: number;
  readonly mapping: ArrayBuffer;
}

export class SparseRegisters implements RegisterFile {
  readonly size: number;
  /** The BAR as far as it is mapped without a gap from its beginning. */
  readonly doorbells: Int32Array;
  readonly #address: string;
  readonly #areas: readonly { readonly offset: number; readonly registers: MappedRegisters }[];
  readonly #rest: FileRegisters;

  /** `rest`: all of the BAR, through the file. */
  constructor(address: string, areas: readonly MappedArea[], rest: FileRegisters) {
    this.#address = address;
    this.size = rest.size;
    this.#rest = rest;
    this.#areas = areas.map(({ offset, mapping }) => ({ offset, registers: new MappedRegisters(address, mapping) }));
    const first = this.#areas.find(({ offset }) => offset === 0);
    this.doorbells = first ? first.registers.doorbells : new Int32Array(0);
  }

  read8(offset: number): number {
    const { registers, at } = this.#find(offset, 1);
    return registers.read8(at);
  }

  read16(offset: number): number {
    const { registers, at } = this.#find(offset, 2);
    return registers.read16(at);
  }

  read32(offset: number): number {
    const { registers, at } = this.#find(offset, 4);
    return registers.read32(at);
  }

  write8(offset: number, value: number): void {
    const { registers, at } = this.#find(offset, 1);
    registers.write8(at, value);
  }

  write16(offset: number, value: number): void {
    const { registers, at } = this.#find(offset, 2);
    registers.write16(at, value);
  }

  write32(offset: number, value: number): void {
    const { registers, at } = this.#find(offset, 4);
    registers.write32(at, value);
  }

  #find(offset: number, width: number): { readonly registers: RegisterFile; readonly at: number } {
    checkedRegisterOffset(this.#address, offset, width, this.size);
    for (const area of this.#areas) {
      const at = offset - area.offset;
      if (at >= 0 && at < area.registers.size) return { registers: area.registers, at };
    }
    return { registers: this.#rest, at: offset };
  }
}
