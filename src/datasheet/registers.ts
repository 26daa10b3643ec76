/**
 * How a datasheet's register list is written down as data, and resolved once into plain integers.
 *
 * A table is a const object of `register({...})`; driver and device model read the same one and share nothing else.
 */

/**
 * What an access does, as the datasheet abbreviates it:
 * RW read/write · RO read only · WO write only (reads 0) · RC cleared by reading · RW1C writing 1 clears a bit ·
 * RC/W1C cleared by reading, and bit by bit by writing 1 · RW/SC read/write with self-clearing bits · W1S writing 1 sets.
 */
export type AccessMode = 'RW' | 'RO' | 'WO' | 'RC' | 'RW1C' | 'RC/W1C' | 'RW/SC' | 'W1S';

/** A run of equal registers: the first one's byte offset, bytes from one to the next, and how many. */
interface RegisterBank {
  readonly offset: number;
  readonly stride: number;
  readonly count: number;
}

/** A field's position: `[bit]` or `[lowest bit, width in bits]`. */
type FieldPosition = readonly [bit: number] | readonly [lowest: number, width: number];

/** A counter's behaviour: how wide it is and, for low/high pairs, the register with its upper bits. */
export interface CounterSpec {
  readonly bits: 16 | 32 | 36;
  /** Name of the high half's register; the low half must be read first. */
  readonly high?: string;
}

export interface RegisterSpec<F extends string = string> {
  /** Byte offset of the (first) register in its BAR. */
  readonly offset: number;
  /** For arrays: bytes between neighbours and number of registers; indices beyond `count` continue in `more`. */
  readonly stride?: number;
  readonly count?: number;
  readonly more?: RegisterBank;
  /** Other addresses of the array's first registers. */
  readonly also?: RegisterBank;
  readonly access: AccessMode;
  /** Value after a reset, where the datasheet names one. Default 0. */
  readonly reset?: number;
  /** Section of the datasheet. */
  readonly section: string;
  readonly meaning: string;
  readonly fields?: Readonly<Record<F, FieldPosition>>;
  readonly counter?: CounterSpec;
}

/** A field, resolved: `mask` is in place (not shifted down), as an int32. */
export interface Field {
  readonly shift: number;
  readonly width: number;
  readonly mask: number;
}

export interface Register<F extends string = string> extends RegisterSpec<F> {
  /** Number of registers in this array; 1 if it is none. */
  readonly length: number;
  /** Byte offset of register `index`. Throws RangeError beyond the array. For setup, not for the hot path. */
  at(index: number): number;
  /** Fields by name. */
  readonly bits: Readonly<Record<F, Field>>;
}

function resolveField([shift, width = 1]: FieldPosition): Field {
  const ones = width === 32 ? -1 : (1 << width) - 1;
  return { shift, width, mask: (ones << shift) | 0 };
}

/** Resolves one row of a table. */
export function register<const F extends string = never>(spec: RegisterSpec<F>): Register<F> {
  const first = spec.count ?? 1;
  const length = first + (spec.more?.count ?? 0);
  const bits = Object.fromEntries(
    Object.entries<FieldPosition>(spec.fields ?? {}).map(([name, position]) => [name, resolveField(position)]),
  ) as Record<F, Field>;
  const at = (index: number): number => {
    if (!Number.isInteger(index) || index < 0 || index >= length) {
      throw new RangeError(`register index must be from 0 to ${length - 1}, found ${index}`);
    }
    if (spec.more && index >= first) return spec.more.offset + spec.more.stride * (index - first);
    return spec.offset + (spec.stride ?? 4) * index;
  };
  return { ...spec, length, bits, at };
}

/** Reads a field out of a register value, shifted down; always ≥ 0. */
export function extract(field: Field, value: number): number {
  return (value & field.mask) >>> field.shift;
}

/** `value` with `field` replaced by `content` (excess bits of `content` are cut off); an unsigned 32-bit number. */
export function insert(field: Field, value: number, content: number): number {
  return ((value & ~field.mask) | ((content << field.shift) & field.mask)) >>> 0;
}
