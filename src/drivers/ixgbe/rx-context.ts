/** What receive bursts work on: a queue's rings, tables and state, as constants of functions compiled for it. */
import {
  RX_ERROR_MASK,
  RX_RSS_FLOW_DIRECTOR,
  RX_RSS_NONE,
  RX_RSS_TYPE_MASK,
  RX_STATUS_DD,
  RX_STATUS_EOP,
  RX_WB_LENGTH_MASK,
  RX_WB_LENGTH_VLAN,
  RX_WB_RSS_HASH,
  RX_WB_STATUS_ERROR,
  RX_WB_TYPE_HEADER,
} from '../../datasheet/ixgbe/descriptors.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import {
  DEFAULT_HEADROOM,
  NO_PACKET,
  type PacketPool,
  POOL_SPECIAL,
  POOL_TOP,
  SLOT_STRIDE,
} from '../../memory/packet-pool.ts';

/** What burst functions take from elsewhere, as an object because copied code cannot import. */
export const RX_CONSTANTS = {
  DD: RX_STATUS_DD,
  EOP: RX_STATUS_EOP,
  ERRORS: RX_ERROR_MASK,
  /** A frame in one buffer and without error, under this mask: EOP and nothing else. */
  WHOLE: RX_STATUS_EOP | RX_ERROR_MASK,
  STATUS: RX_WB_STATUS_ERROR,
  LENGTH: RX_WB_LENGTH_VLAN,
  LENGTH_MASK: RX_WB_LENGTH_MASK,
  RSS_TYPE: RX_WB_TYPE_HEADER,
  RSS_TYPE_MASK: RX_RSS_TYPE_MASK,
  /** A bit for each type beside which a hash lies. */
  RSS_TYPES: 0xffff & ~((1 << RX_RSS_NONE) | (1 << RX_RSS_FLOW_DIRECTOR)),
  RSS_HASH: RX_WB_RSS_HASH,
  STRIDE: SLOT_STRIDE,
  HEADROOM: DEFAULT_HEADROOM,
  NO_PACKET,
  POOL_TOP,
  POOL_SPECIAL,
  // Indices into a queue's state:
  /** The next descriptor to look at. */
  NEXT: 0,
  /** Descriptors without a buffer: at least one block, so that the tail never meets the head. */
  EMPTY: 1,
  /** The next descriptor to arm; what RDT holds. */
  TAIL: 2,
  /** Times that the ring could not be re-armed because the pool was empty. */
  NO_BUFFER: 3,
  /** Frames dropped for an error bit or an impossible length. */
  BAD_FRAMES: 4,
  /** First and last segment of a frame that is still arriving, or NO_PACKET. */
  CHAIN_HEAD: 5,
  CHAIN_TAIL: 6,
  /** Segments of a broken frame are dropped up to its end. */
  SKIPPING: 7,
  /** Segments of the frame that is still arriving. */
  CHAIN_SEGMENTS: 8,
} as const;

/** A queue's rings and tables, which become constants of its burst functions. */
export interface RxContext {
  readonly constants: typeof RX_CONSTANTS;
  readonly pool: PacketPool;
  readonly poolState: Int32Array;
  readonly freeStack: Int32Array;
  readonly lengths: Uint16Array;
  readonly links: Int32Array;
  readonly hashes: Uint32Array;
  /** Device address of each packet's data: `PacketAddresses.image`. */
  readonly addresses: Float64Array;
  /** The ring in words of 4 bytes and, for arming, of 8. */
  readonly ring: Int32Array;
  readonly ring64: Float64Array;
  /** The packet that each descriptor points to. */
  readonly shadow: Int32Array;
  readonly state: Int32Array;
  readonly doorbells: Int32Array;
  /** Index of RDT in `doorbells`. */
  readonly doorbell: number;
  /** Descriptors in the ring; a power of two. */
  readonly size: number;
  /** Descriptors armed at once; divides `size`. */
  readonly block: number;
  /** Bytes that a buffer takes. */
  readonly maximumLength: number;
  /** Buffers that the longest frame takes. */
  readonly maximumSegments: number;
}

/** See `RxQueue.receive` of the drivers' interface. */
export type Receive = (batch: PacketBatch) => number;
