/** What receive bursts of either ring format work on: tables and state of a queue, as constants of functions compiled for it. */
import {
  HASH_REPORT_NONE,
  NET_HEADER,
  NET_HEADER_DATA_VALID,
  NET_HEADER_NEEDS_CHECKSUM,
} from '../../datasheet/virtio/net.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_VERIFIED,
  DEFAULT_HEADROOM,
  NO_PACKET,
  type PacketPool,
  POOL_MOVED,
  POOL_SPECIAL,
  POOL_TOP,
  SLOT_STRIDE,
} from '../../memory/packet-pool.ts';
import type { RingFault } from './ring-fault.ts';

/** What burst functions take from elsewhere, as an object because copied code cannot import. */
export const RX_CONSTANTS = {
  STRIDE: SLOT_STRIDE,
  HEADROOM: DEFAULT_HEADROOM,
  NO_PACKET,
  POOL_TOP,
  POOL_MOVED,
  POOL_SPECIAL,
  PARTIAL: CHECKSUM_PARTIAL,
  VERIFIED: CHECKSUM_VERIFIED,
  NEEDS_CHECKSUM: NET_HEADER_NEEDS_CHECKSUM,
  DATA_VALID: NET_HEADER_DATA_VALID,
  // Fields of the virtio header in words of 16 bits; its flags are the lower half of the first.
  CHECKSUM_START: NET_HEADER.CHECKSUM_START >> 1,
  CHECKSUM_OFFSET: NET_HEADER.CHECKSUM_OFFSET >> 1,
  NUMBER_OF_BUFFERS: NET_HEADER.NUMBER_OF_BUFFERS >> 1,
  HASH_VALUE: NET_HEADER.HASH_VALUE >> 1,
  HASH_REPORT: NET_HEADER.HASH_REPORT >> 1,
  HASH_NONE: HASH_REPORT_NONE,
  // Indices into a queue's state:
  /** Split: index of the next used element. Packed: place of the next used descriptor. */
  NEXT: 0,
  /** Split: index up to which buffers are available. Packed: place of the next descriptor to make available. */
  AVAILABLE: 1,
  /** Packed: buffers that the device has; wrap counters of both sides, as flags to compare with or to write. */
  OUTSTANDING: 2,
  NEXT_WRAP: 3,
  AVAILABLE_WRAP: 4,
  /** Times that buffers could not be replaced because the pool was empty. */
  NO_BUFFER: 5,
  /** Frames dropped for an impossible length or header. */
  BAD_FRAMES: 6,
  /** Whether the next used buffer shall interrupt. */
  ARMED: 7,
  /** IN_ORDER: used buffers that the last element read vouches for, itself included, and the bytes in the last of them. */
  GROUP: 8,
  GROUP_LENGTH: 9,
  /** Bytes that the device wrote to the buffer looked at. */
  WRITTEN: 10,
  /** Packed: descriptors made available since the device was last told. */
  PENDING: 11,
  // Indices into a queue's totals:
  PACKETS: 0,
  BYTES: 1,
} as const;

/** Tables and state that both ring formats have, which become constants of a queue's burst functions. */
export interface RxContext {
  readonly constants: typeof RX_CONSTANTS;
  readonly pool: PacketPool;
  readonly poolState: Int32Array;
  readonly freeStack: Int32Array;
  readonly lengths: Uint16Array;
  readonly links: Int32Array;
  readonly headrooms: Uint16Array;
  readonly offloads: Uint8Array;
  readonly checksumStarts: Uint16Array;
  readonly checksumOffsets: Uint16Array;
  readonly hashes: Uint32Array;
  /** Device address of each packet's buffer: of the header in front of its data, or with `pairs`, of the data. */
  readonly addresses: Float64Array;
  /** The packet that each buffer id stands for; NO_PACKET while the device does not have it. */
  readonly shadow: Int32Array;
  readonly state: Int32Array;
  readonly totals: Float64Array;
  /** The pool's bytes in words of 16 bits: headers lie in front of data. With `pairs` nobody reads them. */
  readonly headers: Uint16Array;
  /** Descriptors in the ring. */
  readonly size: number;
  /** Bytes that a buffer takes behind the header. */
  readonly maximumLength: number;
  /** Buffers that the longest frame takes. */
  readonly maximumSegments: number;
  /** Bytes of the header that share the buffer with the data, and so are in its written length: always 10, 12 or 20. */
  readonly headerBytes: number;
  /**
   * Header and data have a descriptor each: those of buffer `id` (even) are `id` and `id + 1`. See `checkFeatures` for what
   * this does not go together with.
   */
  readonly pairs: boolean;
  readonly inOrder: boolean;
  readonly eventIndex: boolean;
  readonly mergeable: boolean;
  readonly receiveChecksum: boolean;
  /** Buffers replaced at once; the device hears of them together. */
  readonly block: number;
  /** Rings the doorbell. */
  readonly notify: () => void;
  /** Reports that the device broke the ring's rules: no burst is called any more. */
  readonly fail: (fault: RingFault, value: number) => void;
}

/** See `RxQueue.receive` of the drivers' interface. */
export type Receive = (batch: PacketBatch) => number;

/** A receive ring of either format, ready for its queue. What it holds stands in `RxContext.shadow`. */
export interface RxRing {
  readonly receive: Receive;
  /** Makes buffers available, as far as the pool has packets, and rings if the device wants it. */
  readonly refill: () => void;
  /**
   * The next used buffer interrupts. A full barrier follows, so that a buffer used before the device could see it is found
   * by the next `receive`.
   */
  enableInterrupt(): void;
  disableInterrupt(): void;
}
