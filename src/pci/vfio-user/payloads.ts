/** What follows the header, for each command: its structure, and what may follow that. Every length is checked here. */
import { hexadecimal } from '../../hexadecimal.ts';
import { CStruct, type FieldTypes } from '../c-struct.ts';
import { malformed } from './protocol.ts';

/** 64-bit fields are numbers here: addresses and sizes below 2^53 are all that there are. */
export type Numbers<T extends FieldTypes> = { readonly [Field in keyof T]: number };

/** A payload that begins with a structure. */
export class Payload<T extends FieldTypes> {
  readonly #name: string;
  readonly #struct: CStruct<T>;
  readonly #hasData: boolean;

  /** `name` begins messages; `hasData`: whether more may follow the structure. */
  constructor(name: string, types: T, hasData = false) {
    this.#name = name;
    this.#struct = new CStruct(types);
    this.#hasData = hasData;
  }

  /** Bytes of the structure. */
  get size(): number {
    return this.#struct.size;
  }

  encode(values: Partial<Numbers<T>>, data: Uint8Array = NOTHING): Uint8Array {
    const bytes = this.#struct.encode(values, data.length);
    bytes.set(data, this.size);
    return bytes;
  }

  /** Throws `ERR_BAD_PACKET` for a wrong length, and for a number that is none. */
  decode(bytes: Uint8Array, at = 0): Numbers<T> {
    const length = bytes.length - at;
    if (length < this.size || (length > this.size && !this.#hasData)) {
      const more = this.#hasData ? 'at least ' : '';
      throw malformed(`${this.#name}: the payload has ${more}${this.size} bytes, found ${length}`);
    }
    const values: Record<string, number> = {};
    for (const [field, value] of Object.entries<number | bigint>(this.#struct.decode(bytes, at))) {
      values[field] = Number(value);
      if (!Number.isSafeInteger(values[field])) {
        throw malformed(`${this.#name}: ${field} must be below 2^53, found ${hexadecimal(value)}`);
      }
    }
    return values as Numbers<T>;
  }

  /** What follows the structure, as a view. Throws `ERR_BAD_PACKET` unless it is `length` bytes. */
  data(bytes: Uint8Array, length: number): Uint8Array {
    const found = bytes.length - this.size;
    if (found !== length) throw malformed(`${this.#name}: ${length} bytes of data belong to it, found ${found}`);
    return bytes.subarray(this.size);
  }
}

export const NOTHING = new Uint8Array(0);

const info = { argsz: 'u32', flags: 'u32' } as const;

export const dmaMap = new Payload('DMA_MAP', { ...info, offset: 'u64', address: 'u64', size: 'u64' });
export const DMA_READABLE = 1;
export const DMA_WRITABLE = 2;

export const dmaUnmap = new Payload('DMA_UNMAP', { ...info, address: 'u64', size: 'u64' });
export const DMA_UNMAP_ALL = 2;

export const deviceInfo = new Payload('DEVICE_GET_INFO', { ...info, regions: 'u32', irqs: 'u32' });
export const DEVICE_RESETTABLE = 1;
export const DEVICE_PCI = 2;

/** `offset`: in the descriptor that comes with the reply, if the region can be mapped. */
export const regionInfo = new Payload(
  'GET_REGION_INFO',
  { ...info, index: 'u32', capabilities: 'u32', size: 'u64', offset: 'u64' },
  true,
);
export const REGION_READABLE = 1;
export const REGION_WRITABLE = 2;
export const REGION_MAPPABLE = 4;

export const irqInfo = new Payload('GET_IRQ_INFO', { ...info, index: 'u32', count: 'u32' });
export const IRQ_EVENTFD = 1;
export const IRQ_MASKABLE = 2;
export const IRQ_AUTOMASKED = 4;

/** With `DATA_BOOL`, `count` bytes follow; with `DATA_EVENTFD`, as many descriptors come along, or none. */
export const irqSet = new Payload('SET_IRQS', { ...info, index: 'u32', start: 'u32', count: 'u32' }, true);
export const IRQ_DATA_NONE = 1;
export const IRQ_DATA_BOOL = 2;
export const IRQ_DATA_EVENTFD = 4;
export const IRQ_MASK = 8;
export const IRQ_UNMASK = 16;
export const IRQ_TRIGGER = 32;

/** Read: the reply has `count` bytes of data; write: the request has. */
export const regionAccess = new Payload('region access', { offset: 'u64', region: 'u32', count: 'u32' }, true);

/** The same for the client's memory, where requests come from the server. */
export const dmaAccess = new Payload('DMA access', { address: 'u64', count: 'u64' }, true);

/** Numbers of VFIO's regions and interrupts of a PCI device. */
export const REGION = { bar: 0, rom: 6, config: 7, vga: 8 } as const;
export const REGIONS = 9;
export const IRQ = { intx: 0, msi: 1, msix: 2, error: 3, request: 4 } as const;
export const IRQS = 5;

export interface RegionWrite {
  readonly offset: number;
  readonly region: number;
  readonly data: Uint8Array;
}

const writeCount = new Payload('WRITE_MULTI', { count: 'u64' }, true);
const WRITE_DATA = 8;
const WRITE_BYTES = regionAccess.size + WRITE_DATA;

/** Writes of up to 8 bytes each, in order; the data are views. Throws `ERR_BAD_PACKET`. */
export function decodeWriteMulti(bytes: Uint8Array): RegionWrite[] {
  const { count } = writeCount.decode(bytes);
  const entries = writeCount.data(bytes, count * WRITE_BYTES);
  return Array.from({ length: count }, (_, i) => {
    const entry = entries.subarray(i * WRITE_BYTES, (i + 1) * WRITE_BYTES);
    const { offset, region, count: length } = regionAccess.decode(entry);
    if (length > WRITE_DATA) throw malformed(`WRITE_MULTI: one write has up to ${WRITE_DATA} bytes, found ${length}`);
    return { offset, region, data: entry.subarray(regionAccess.size, regionAccess.size + length) };
  });
}
