/** Frames as the device gets them on the slow path: the virtio header (virtio 1.2, section 5.1.6.2), and each segment. */
import { NET_HEADER, NET_HEADER_NEEDS_CHECKSUM } from '../../datasheet/virtio/net.ts';
import { checksumIsInside, completeChecksum, hasOpenChecksum } from '../../memory/complete-checksum.ts';
import { addressHigh, addressLow } from '../../memory/dma-memory.ts';
import { DEFAULT_HEADROOM, NO_PACKET, type PacketAddresses, type PacketPool } from '../../memory/packet-pool.ts';
import { HEADER_STRIDE, headersOffset, type TxQueueInit } from './queue-init.ts';
import { type FramePieces, TX_PACKET_MINIMUM } from './tx-context.ts';

/** Most buffers of one frame: more than any jumbo frame needs, and less than devices care about. */
const MAXIMUM_SEGMENTS = 32;

export class FrameBuilder {
  /** What `build` made. */
  readonly pieces: FramePieces = {
    count: 0,
    low: new Int32Array(MAXIMUM_SEGMENTS + 1),
    high: new Int32Array(MAXIMUM_SEGMENTS + 1),
    length: new Int32Array(MAXIMUM_SEGMENTS + 1),
  };

  readonly #init: TxQueueInit;
  /** Where headers go that do not fit in front of their packets: index in the queue's memory, and device address. */
  readonly #ownHeaders: number;
  readonly #ownHeadersAddress: number;

  constructor(init: TxQueueInit) {
    this.#init = init;
    this.#ownHeaders = headersOffset(init.kind, init.size);
    this.#ownHeadersAddress = init.address + this.#ownHeaders;
  }

  /** Bytes of a frame that the device can be given; 0 if its length or shape forbids that. */
  sendable(pool: PacketPool, packet: number): number {
    let segments = 0;
    let total = 0;
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      const length = pool.length[segment];
      if (length === 0 || length + pool.headroom[segment] > pool.stride) return 0;
      if (++segments > MAXIMUM_SEGMENTS) return 0;
      total += length;
    }
    if (segments + (this.#hasOwnHeader(pool, packet) ? 1 : 0) > this.#init.size) return 0;
    if (hasOpenChecksum(pool, packet) && !checksumIsInside(pool, packet)) return 0;
    return total >= TX_PACKET_MINIMUM && total <= this.#init.maximumFrame ? total : 0;
  }

  /** Descriptors that a sendable frame takes. */
  descriptors(pool: PacketPool, packet: number): number {
    return pool.segments(packet) + (this.#hasOwnHeader(pool, packet) ? 1 : 0);
  }

  /** Writes the header of a sendable frame, and lists its `pieces`. `id` is the frame's buffer id, so far unused. */
  build(pool: PacketPool, addresses: PacketAddresses, packet: number, id: number): void {
    const { pieces } = this;
    const { headerBytes } = this.#init.features;
    const separate = this.#hasOwnHeader(pool, packet);
    pieces.count = 0;
    if (separate) {
      this.#writeHeader(this.#init.memory.bytes, this.#ownHeaders + HEADER_STRIDE * id, pool, packet);
      const address = this.#ownHeadersAddress + HEADER_STRIDE * id;
      this.#add(addressLow(address), addressHigh(address), headerBytes);
    } else {
      this.#writeHeader(pool.bytes, pool.offset(packet) - headerBytes, pool, packet);
    }
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      const ahead = segment === packet && !separate ? headerBytes : 0;
      // Data never leaves its slot, and no slot straddles 4 GiB: the high half holds.
      const low = addresses.words[segment << 1] + pool.headroom[segment] - DEFAULT_HEADROOM - ahead;
      this.#add(low, addresses.words[(segment << 1) + 1], pool.length[segment] + ahead);
    }
  }

  #hasOwnHeader(pool: PacketPool, packet: number): boolean {
    const { separateHeader, headerBytes } = this.#init.features;
    return separateHeader || pool.headroom[packet] < headerBytes;
  }

  /** An open checksum is left to the device if it takes that, or completed here; all other fields are 0. */
  #writeHeader(bytes: Uint8Array, at: number, pool: PacketPool, packet: number): void {
    const { headerBytes, transmitChecksum } = this.#init.features;
    bytes.fill(0, at, at + headerBytes);
    if (!hasOpenChecksum(pool, packet)) return;
    if (!transmitChecksum) {
      completeChecksum(pool, packet);
      return;
    }
    const start = at + NET_HEADER.CHECKSUM_START;
    const offset = at + NET_HEADER.CHECKSUM_OFFSET;
    bytes[at + NET_HEADER.FLAGS] = NET_HEADER_NEEDS_CHECKSUM;
    bytes[start] = pool.checksumStart[packet];
    bytes[start + 1] = pool.checksumStart[packet] >> 8;
    bytes[offset] = pool.checksumOffset[packet];
    bytes[offset + 1] = pool.checksumOffset[packet] >> 8;
  }

  #add(low: number, high: number, length: number): void {
    const { pieces } = this;
    pieces.low[pieces.count] = low;
    pieces.high[pieces.count] = high;
    pieces.length[pieces.count++] = length;
  }
}
