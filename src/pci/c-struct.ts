/** Structures of the kernel's interfaces, laid out as a C compiler for a 64-bit machine does: each field at its own size. */

const BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

export type FieldTypes = Readonly<Record<string, keyof typeof BYTES>>;

/** 64-bit fields are bigints: some are bit masks that no number holds. */
export type FieldValues<T extends FieldTypes> = { readonly [F in keyof T]: T[F] extends 'u64' ? bigint : number };
type Encodable<T extends FieldTypes> = { readonly [F in keyof T]?: number | bigint };

export class CStruct<T extends FieldTypes> {
  /** Bytes, padding at the end included. */
  readonly size: number;
  /** Byte offset of each field. */
  readonly offsets: Readonly<Record<keyof T, number>>;
  readonly #types: T;

  /** Fields in their order in memory. */
  constructor(types: T) {
    const offsets: Record<string, number> = {};
    let end = 0;
    let alignment = 1;
    for (const [name, type] of Object.entries(types)) {
      const bytes = BYTES[type];
      offsets[name] = Math.ceil(end / bytes) * bytes;
      end = offsets[name] + bytes;
      alignment = Math.max(alignment, bytes);
    }
    this.size = Math.ceil(end / alignment) * alignment;
    this.offsets = offsets as Record<keyof T, number>;
    this.#types = types;
  }

  /** The structure with these values, others 0, and `tail` bytes of zeros behind it. */
  encode(values: Encodable<T>, tail = 0): Uint8Array {
    const view = new DataView(new ArrayBuffer(this.size + tail));
    for (const [name, value = 0] of Object.entries(values)) {
      const offset = this.offsets[name];
      const type = this.#types[name];
      if (type === 'u64') view.setBigUint64(offset, BigInt(value), true);
      else if (type === 'u32') view.setUint32(offset, Number(value), true);
      else if (type === 'u16') view.setUint16(offset, Number(value), true);
      else view.setUint8(offset, Number(value));
    }
    return new Uint8Array(view.buffer);
  }

  /** The structure that begins at `at`. Throws RangeError if `bytes` ends before it does. */
  decode(bytes: Uint8Array, at = 0): FieldValues<T> {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, this.size);
    const values: Record<string, number | bigint> = {};
    for (const [name, type] of Object.entries(this.#types)) {
      const offset = this.offsets[name];
      if (type === 'u64') values[name] = view.getBigUint64(offset, true);
      else if (type === 'u32') values[name] = view.getUint32(offset, true);
      else if (type === 'u16') values[name] = view.getUint16(offset, true);
      else values[name] = view.getUint8(offset);
    }
    return values as FieldValues<T>;
  }
}
