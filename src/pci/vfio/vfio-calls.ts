/** How VFIO is asked: structures that begin with their own size, and answers that end in a chain of capabilities. */
import { addon } from '../../native/addon.ts';
import type { CStruct, FieldTypes, FieldValues } from '../c-struct.ts';
import { structs } from './vfio-abi.ts';

type Question = { readonly argsz: 'u32' } & FieldTypes;

export interface Answer<T extends FieldTypes> {
  readonly fields: FieldValues<T>;
  /** The whole answer, capabilities included. */
  readonly bytes: Uint8Array;
}

/** Throws the addon's error. */
export function ask<T extends Question>(
  descriptor: number,
  request: number,
  struct: CStruct<T>,
  values: { readonly [F in keyof T]?: number | bigint } = {},
): Answer<T> {
  const question = (argsz: number): Uint8Array => {
    const bytes = struct.encode({ ...values, argsz }, argsz - struct.size);
    addon().ioctl(descriptor, request, bytes);
    return bytes;
  };
  const first = question(struct.size);
  // Where there is more to say than fits, the kernel says how many bytes it takes, and leaves the rest out.
  const { argsz } = struct.decode(first) as FieldValues<Question>;
  const bytes = argsz > struct.size ? question(argsz) : first;
  return { fields: struct.decode(bytes), bytes };
}

/** Offset of the capability `id` in an answer whose first one lies at `first` (0: there is none); undefined if it has none. */
export function findCapability(bytes: Uint8Array, first: number, id: number): number | undefined {
  const header = structs.info_cap_header;
  // The chain only goes forward; one that does not, or leaves the answer, is at its end.
  for (let at = first, last = 0; at > last && at + header.size <= bytes.length; ) {
    const capability = header.decode(bytes, at);
    if (capability.id === id) return at;
    last = at;
    at = capability.next;
  }
  return undefined;
}

/** `count` structures in a row. Throws RangeError if the answer ends before. */
export function decodeArray<T extends FieldTypes>(
  struct: CStruct<T>,
  bytes: Uint8Array,
  at: number,
  count: number,
): FieldValues<T>[] {
  return Array.from({ length: count }, (_, i) => struct.decode(bytes, at + i * struct.size));
}
