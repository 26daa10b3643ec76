/** What transmit bursts of either ring format work on: tables and state of a queue, and of the pool that it sends from. */
import type { PacketBatch } from '../../memory/packet-batch.ts';
import {
  DEFAULT_HEADROOM,
  NO_PACKET,
  type PacketPool,
  POOL_MOVED,
  POOL_SPECIAL,
  POOL_TOP,
  SLOT_STRIDE,
} from '../../memory/packet-pool.ts';
import type { RingFault } from './ring-fault.ts';

/** Bytes in the shortest frame that is sent: an Ethernet header. */
export const TX_PACKET_MINIMUM = 14;

/** What burst functions take from elsewhere, as an object because copied code cannot import. */
export const TX_CONSTANTS = {
  NO_PACKET,
  POOL_TOP,
  POOL_MOVED,
  POOL_SPECIAL,
  MINIMUM: TX_PACKET_MINIMUM,
  /** Sent packets are taken back once the ring has less room than this beside the burst, or the pool fewer packets. */
  RESERVE: 32,
  // In words of 8 bytes, from one packet's header to the next.
  STRIDE64: SLOT_STRIDE / 8,
  // Indices into a queue's state:
  /** Split: index of the next used element. Packed: place of the next used descriptor. */
  NEXT: 0,
  /** Split: index up to which frames are available. Packed: place of the next descriptor to make available. */
  AVAILABLE: 1,
  /** Descriptors that are free. */
  FREE: 2,
  /** Split: place of the next free descriptor in `order`. */
  HEAD: 3,
  /** Packed: wrap counters of both sides, as flags to compare with or to write. */
  NEXT_WRAP: 4,
  AVAILABLE_WRAP: 5,
  /** Packets dropped because the device cannot send their length or shape. */
  DROPPED: 6,
  /** Packed: descriptors made available since the device was last told. */
  PENDING: 7,
  // Indices into a queue's totals:
  PACKETS: 0,
  BYTES: 1,
} as const;

/** Tables and state that a queue has for all its pools, and both ring formats have. */
export interface TxTables {
  readonly constants: typeof TX_CONSTANTS;
  /** The packet that each buffer id stands for (of a chain its first); NO_PACKET where the device has none. */
  readonly shadow: Int32Array;
  readonly state: Int32Array;
  readonly totals: Float64Array;
  /** Descriptors in the ring. */
  readonly size: number;
  readonly headerBytes: number;
  readonly inOrder: boolean;
  readonly eventIndex: boolean;
  /** Rings the doorbell. */
  readonly notify: () => void;
  /** Reports that the device broke the ring's rules: no burst is called any more. */
  readonly fail: (fault: RingFault, value: number) => void;
}

/** What a burst function has beside: one pool, whose packets are of the usual shape. */
export interface TxSource {
  readonly pool: PacketPool;
  /** Takes over batches that are not the usual case: another pool's, or of a pool with chains or moved headroom. */
  readonly otherwise: Transmit;
  /** Takes over when only the batch's first `queued` packets were: the ring is full, or the next packet is unusual. */
  readonly leftover: (batch: PacketBatch, queued: number) => number;
  readonly poolState: Int32Array;
  readonly freeStack: Int32Array;
  readonly lengths: Uint16Array;
  /** Device address of each packet's header, right in front of its data. */
  readonly addresses: Float64Array;
  /** The pool's bytes in words of 8. */
  readonly bytes64: Float64Array;
  /** Bytes in the longest packet. */
  readonly maximumLength: number;
}

/** See `TxQueue.transmit` of the drivers' interface. */
export type Transmit = (batch: PacketBatch) => number;

/** Pieces of memory that make one frame for the device, header first; made once, used for every frame. */
export interface FramePieces {
  count: number;
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly length: Int32Array;
}

/** A transmit ring of either format, as the slow path sees it. */
export interface TxRing {
  /** Compiles the burst for frames in one piece. */
  burst(source: TxSource): Transmit;
  /** Descriptors that are free. */
  readonly free: number;
  /** Frames that the device has. */
  readonly frames: number;
  /** The buffer id of the next frame. */
  readonly nextId: number;
  /** Writes a frame's descriptors; there must be room. Sets `shadow` to `packet`. The device does not see it yet. */
  add(packet: number, pieces: FramePieces): void;
  /** Shows the device all frames added, and rings if it wants that. */
  publish(): void;
  /**
   * The buffer id of a frame that has been sent, whose descriptors are free again, or -1. The caller takes its packet out of
   * `shadow`.
   */
  nextSent(): number;
}

/**
 * By where a slot begins, the two words of 8 bytes with all that a device reads of the header in front of its packet: up to
 * its twelfth byte. Equally long, as bursts check one index for both.
 */
export function headerWords(
  bytes64: Float64Array,
  headerBytes: number,
): { readonly headerBegins: Float64Array; readonly headerEnds: Float64Array } {
  const begin = (DEFAULT_HEADROOM - headerBytes) >> 3;
  const length = bytes64.length - DEFAULT_HEADROOM / 8 + 1;
  return {
    headerBegins: bytes64.subarray(begin, begin + length),
    headerEnds: bytes64.subarray(begin + 1, begin + 1 + length),
  };
}
