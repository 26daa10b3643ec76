/** Frames for a receive ring, as the device's side gives them. */
import type { RingOptions, receiver } from './ring-set-up.ts';
import { type Buffer, fill } from './split-device.ts';

export type Receiver = ReturnType<typeof receiver>;

export interface Header {
  readonly flags?: number;
  readonly start?: number;
  readonly offset?: number;
  readonly buffers?: number;
}

/** A frame whose bytes tell which one it is. */
export function frame(number: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => number + i * 7);
}

export function header({ features }: Receiver, { flags = 0, start = 0, offset = 0, buffers = 1 }: Header): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(features.headerBytes));
  bytes.setUint8(0, flags);
  bytes.setUint16(6, start, true);
  bytes.setUint16(8, offset, true);
  if (features.headerBytes === 12) bytes.setUint16(10, buffers, true);
  return new Uint8Array(bytes.buffer);
}

/** Takes as many buffers as the frame needs and uses them; false if there are not enough. */
export function deliver(set: Receiver, data: Uint8Array, fields: Header = {}, use = true): Buffer[] {
  const { device, pool, features } = set;
  const room = pool.dataSize + features.headerBytes;
  const count = features.mergeable ? Math.ceil((data.length + features.headerBytes) / room) : 1;
  if (device.pending < count) return [];
  const bytes = Uint8Array.from([...header(set, { buffers: count, ...fields }), ...data]);
  const buffers: Buffer[] = [];
  for (let done = 0; done < bytes.length; ) {
    const buffer = device.take();
    if (!buffer) break;
    buffers.push(buffer);
    const length = fill(buffer, bytes.subarray(done));
    if (use) device.use(buffer.id, length);
    done += length;
  }
  return buffers;
}

/** The bytes of the batch's packet `i`, over its whole chain. */
export function bytesOf({ pool }: Receiver, packet: number): number[] {
  const bytes: number[] = [];
  for (let segment = packet; segment >= 0; segment = pool.next[segment]) {
    const offset = pool.offset(segment);
    bytes.push(...pool.bytes.subarray(offset, offset + pool.length[segment]));
  }
  return bytes;
}

/** What can be negotiated, as far as it matters to receiving: for split rings, and below for both formats. */
export const VARIANTS: [string, RingOptions][] = [
  ['plain', {}],
  ['event indices', { eventIndex: true }],
  ['in order', { inOrder: true }],
  ['checksums', { receiveChecksum: true }],
  ['mergeable buffers', { mergeable: true }],
  ['all features', { mergeable: true, receiveChecksum: true, inOrder: true, eventIndex: true }],
  ['headers of 10 bytes', { headerBytes: 10 }],
  ['headers apart', { headerBytes: 10, separateHeader: true }],
];

export const RING_VARIANTS: [string, RingOptions][] = (['split', 'packed'] as const).flatMap((kind) =>
  VARIANTS.filter(([, { headerBytes }]) => kind === 'split' || headerBytes !== 10).map(
    ([name, options]): [string, RingOptions] => [`${kind}, ${name}`, { ...options, kind }],
  ),
);
