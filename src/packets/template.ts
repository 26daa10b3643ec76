/** A packet built once from a description and written as often as needed: what a generator prefills its buffers with. */
import { checkInteger, IxyError } from '../errors.ts';
import { ETHERNET_MINIMUM_LENGTH } from './ethernet.ts';
import type { PacketDescription } from './packet-description.ts';
import { PacketStack } from './stack.ts';
import { encodeHeaders, headersLength } from './template-headers.ts';

/** The longest IP packet behind an Ethernet header with two tags. */
const MAXIMUM_SIZE = 65_535 + 22;

/** One packet, ready to be copied. */
export class PacketTemplate {
  /** The whole packet, checksums included. A change here shows in every later `write`. */
  readonly bytes: Uint8Array;
  /** Where the headers are in `bytes`, and so, added to a packet's offset, in every packet written. */
  readonly layout: Readonly<PacketStack>;

  /** Throws `ERR_ARGUMENT` for values out of range, headers that do not go together, and a `size` that is too small. */
  constructor(description: PacketDescription) {
    const payload = payloadBytes(description.payload);
    const headers = headersLength(description);
    const needed = headers + payload.length;
    const size = description.size ?? Math.max(needed, ETHERNET_MINIMUM_LENGTH);
    checkInteger('packet size in bytes', size, ETHERNET_MINIMUM_LENGTH, MAXIMUM_SIZE);
    if (size < needed) {
      throw new IxyError(
        'ERR_ARGUMENT',
        `a packet of ${size} bytes is too small for ${headers} bytes of headers and ${payload.length} of payload; ` +
          `make it ${needed}`,
      );
    }
    this.bytes = new Uint8Array(size);
    this.bytes.set(payload, headers);
    encodeHeaders(description, this.bytes, description.size === undefined || description.arp ? needed : size);
    this.layout = new PacketStack().parse(this.bytes, 0, size);
  }

  /** Bytes without CRC. */
  get size(): number {
    return this.bytes.length;
  }

  /** Writes the packet to `target[offset …]`. Throws `RangeError` if it does not fit. */
  write(target: Uint8Array, offset: number): void {
    target.set(this.bytes, offset);
  }

  /** Writes `length` of the packet's bytes from `from` on: one segment of a chain. */
  writePart(target: Uint8Array, offset: number, from: number, length: number): void {
    target.set(this.bytes.subarray(from, from + length), offset);
  }

  /** Writes the packet at each of `offsets`: prefills the buffers of a pool. */
  writeAll(target: Uint8Array, offsets: ArrayLike<number>): void {
    for (let i = 0; i < offsets.length; i++) this.write(target, offsets[i]);
  }
}

function payloadBytes(payload: Uint8Array | string | undefined): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : (payload ?? new Uint8Array(0));
}
