/** Header fields of one width that count through ranges, one step per packet, and begin again behind their last value. */
import { checkInteger } from '../errors.ts';
import { write16, write32 } from './bytes.ts';

/** One field: where it is in the packet, and the values it takes, all unsigned. */
export interface VaryingField {
  readonly offset: number;
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export class VaryingFields {
  // One entry per field. The values are bit patterns: int32 arithmetic on them is exact modulo 2^32.
  readonly #offsets: Int32Array;
  readonly #values: Int32Array;
  readonly #firsts: Int32Array;
  readonly #lasts: Int32Array;
  readonly #steps: Int32Array;

  /** Throws `ERR_ARGUMENT` for a step below 1 or a `last` below its `first`. */
  constructor(fields: readonly VaryingField[]) {
    for (const { first, last, step } of fields) {
      checkInteger('step of a range', step, 1, 0x7fff_ffff);
      checkInteger('last value of a range', last, first, 0xffff_ffff);
    }
    this.#offsets = Int32Array.from(fields, (field) => field.offset);
    this.#firsts = Int32Array.from(fields, ({ first }) => first | 0);
    this.#lasts = Int32Array.from(fields, ({ first, last, step }) => (last - ((last - first) % step)) | 0);
    this.#steps = Int32Array.from(fields, ({ step }) => step);
    this.#values = this.#firsts.slice();
  }

  get count(): number {
    return this.#offsets.length;
  }

  /** Writes every field, 32 bits wide, of the packet at `offset`, advances, and returns the sum of the words written. */
  write32(bytes: Uint8Array, offset: number): number {
    const offsets = this.#offsets;
    const values = this.#values;
    let sum = 0;
    for (let i = 0; i < offsets.length; i++) {
      const value = values[i];
      write32(bytes, offset + offsets[i], value);
      sum += (value >>> 16) + (value & 0xffff);
      values[i] = value === this.#lasts[i] ? this.#firsts[i] : value + this.#steps[i];
    }
    return sum;
  }

  /** The same for fields of 16 bits. */
  write16(bytes: Uint8Array, offset: number): number {
    const offsets = this.#offsets;
    const values = this.#values;
    let sum = 0;
    for (let i = 0; i < offsets.length; i++) {
      const value = values[i];
      write16(bytes, offset + offsets[i], value);
      sum += value;
      values[i] = value === this.#lasts[i] ? this.#firsts[i] : value + this.#steps[i];
    }
    return sum;
  }

  /** Sets every field of the packet at `offset` to 0. */
  clear(bytes: Uint8Array, width: 2 | 4): void {
    for (const offset of this.#offsets) bytes.fill(0, offset, offset + width);
  }
}
