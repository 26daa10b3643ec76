/**
 * The transmit burst: the hot path of every packet that leaves.
 *
 * One descriptor in 32 asks the device for a report (82599 datasheet 7.2.3.2.4, RS). With write-back threshold 0 it
 * vouches for all before it, so sent packets are taken back 32 at a time, and only when the ring or the pool runs short.
 *
 * `makeTransmit` is copied for each queue and pool (see specialise.ts), so it uses its parameter only.
 */
import {
  TX_CMD_DATA,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_PACKET_MINIMUM,
  TX_PAYLEN_SHIFT,
  TX_READ_COMMAND,
  TX_STATUS_DD,
  TX_WB_STATUS,
} from '../../datasheet/ixgbe/descriptors.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import { type PacketPool, POOL_MOVED, POOL_SPECIAL, POOL_TOP } from '../../memory/packet-pool.ts';

/** What burst functions take from elsewhere, as an object because copied code cannot import. */
export const TX_CONSTANTS = {
  DD: TX_STATUS_DD,
  RS: TX_CMD_RS,
  COMMAND: TX_READ_COMMAND,
  STATUS: TX_WB_STATUS,
  MINIMUM: TX_PACKET_MINIMUM,
  /** Descriptors between two reports, and packets taken back at once; divides every ring's length. */
  BLOCK: 32,
  BLOCK_SHIFT: 5,
  POOL_TOP,
  POOL_MOVED,
  POOL_SPECIAL,
  // Indices into a queue's state:
  /** The next descriptor to fill; what TDT holds. */
  TAIL: 0,
  /** Descriptors in use. */
  USED: 1,
  /** The oldest descriptor in use; a multiple of BLOCK. */
  OLDEST: 2,
  /** Packets dropped because the device cannot send their length or shape. */
  DROPPED: 3,
} as const;

/** A queue's ring, and the tables of the pool it sends from, which become constants of its burst function. */
export interface TxContext {
  readonly constants: typeof TX_CONSTANTS;
  readonly pool: PacketPool;
  /** Takes over batches that are not the usual case: another pool's, or of a pool with chains or moved headroom. */
  readonly otherwise: Transmit;
  /** Takes over when only the batch's first `queued` packets were: the ring is full, or the next packet is unusual. */
  readonly leftover: (batch: PacketBatch, queued: number) => number;
  readonly poolState: Int32Array;
  readonly freeStack: Int32Array;
  readonly lengths: Uint16Array;
  /** Device address of each packet's data: `PacketAddresses.image`. */
  readonly addresses: Float64Array;
  /** The ring in words of 4 and of 8 bytes. */
  readonly ring: Int32Array;
  readonly ring64: Float64Array;
  /** The packet in each descriptor. */
  readonly shadow: Int32Array;
  /** By block: the descriptor whose report covers it; its last one, or the end of the packet that crosses its end. */
  readonly reports: Int32Array;
  /** See `commandImages`. */
  readonly commands: Float64Array;
  readonly state: Int32Array;
  readonly doorbells: Int32Array;
  /** Index of TDT in `doorbells`. */
  readonly doorbell: number;
  /** Descriptors in the ring; a power of two. */
  readonly size: number;
  /** Bytes in the longest packet. */
  readonly maximumLength: number;
}

/** See `TxQueue.transmit` of the drivers' interface. */
export type Transmit = (batch: PacketBatch) => number;

const images = new Map<number, Float64Array>();

/** The second half of the descriptor of a whole packet, by its length: commands and length, and PAYLEN. */
export function commandImages(maximumLength: number): Float64Array {
  const known = images.get(maximumLength);
  if (known) return known;
  const image = new Float64Array(maximumLength + 1);
  const words = new Int32Array(image.buffer);
  for (let length = 0; length <= maximumLength; length++) {
    words[2 * length] = TX_CMD_DATA | TX_CMD_EOP | length;
    words[2 * length + 1] = length << TX_PAYLEN_SHIFT;
  }
  images.set(maximumLength, image);
  return image;
}

export function makeTransmit(context: TxContext): Transmit {
  const { poolState: $poolState, freeStack: $freeStack, lengths: $lengths, addresses: $addresses } = context;
  const { ring: $ring, ring64: $ring64, shadow: $shadow, reports: $reports, commands: $commands } = context;
  const { state: $state, doorbells: $doorbells, doorbell, size, pool, otherwise, leftover } = context;
  const { DD, RS, COMMAND, STATUS, MINIMUM, BLOCK, BLOCK_SHIFT } = context.constants;
  const { POOL_TOP, POOL_MOVED, POOL_SPECIAL, TAIL, USED, OLDEST } = context.constants;
  const lengthRange = context.maximumLength - MINIMUM;
  const mask = size - 1;

  return function transmit(batch) {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const lengths = $lengths;
    const addresses = $addresses;
    const ring = $ring;
    const ring64 = $ring64;
    const shadow = $shadow;
    const reports = $reports;
    const commands = $commands;
    const state = $state;
    const doorbells = $doorbells;

    if (batch.pool !== pool || (poolState[POOL_MOVED] | poolState[POOL_SPECIAL]) !== 0) return otherwise(batch);
    const wanted = batch.length | 0;
    let used = state[USED];
    let count = wanted;
    if (used + count + BLOCK >= size || poolState[POOL_TOP] < BLOCK) {
      // Room runs short, or packets do: take back what has been sent.
      let oldest = state[OLDEST] & mask;
      while (used >= BLOCK && (ring[(reports[oldest >> BLOCK_SHIFT] << 2) + STATUS] & DD) !== 0) {
        let top = poolState[POOL_TOP];
        for (let i = oldest, end = (oldest + BLOCK) | 0; i < end; i = (i + 1) | 0) {
          freeStack[top] = shadow[i];
          top = (top + 1) | 0;
        }
        poolState[POOL_TOP] = top;
        oldest = (oldest + BLOCK) & mask;
        used = (used - BLOCK) | 0;
      }
      state[OLDEST] = oldest;
      state[USED] = used;
      const room = (mask - used) | 0; // one descriptor stays empty: to the device, tail = head is an empty ring
      if (count > room) count = room;
    }

    const packets = batch.packets;
    const tail = state[TAIL] & mask;
    let index = tail;
    let queued = 0;

    // Four at a time while four fit: what V8 checks before it touches an array, it checks once for four.
    while (queued + 4 <= count && index + 4 <= size) {
      const packet0 = packets[queued];
      const packet1 = packets[queued + 1];
      const packet2 = packets[queued + 2];
      const packet3 = packets[queued + 3];
      const length0 = lengths[packet0];
      const length1 = lengths[packet1];
      const length2 = lengths[packet2];
      const length3 = lengths[packet3];
      if ((length0 - MINIMUM) >>> 0 > lengthRange || (length1 - MINIMUM) >>> 0 > lengthRange) break;
      if ((length2 - MINIMUM) >>> 0 > lengthRange || (length3 - MINIMUM) >>> 0 > lengthRange) break;
      const half = index << 1;
      ring64[half] = addresses[packet0];
      ring64[half + 1] = commands[length0];
      ring64[half + 2] = addresses[packet1];
      ring64[half + 3] = commands[length1];
      ring64[half + 4] = addresses[packet2];
      ring64[half + 5] = commands[length2];
      ring64[half + 6] = addresses[packet3];
      ring64[half + 7] = commands[length3];
      shadow[index] = packet0;
      shadow[index + 1] = packet1;
      shadow[index + 2] = packet2;
      shadow[index + 3] = packet3;
      index = (index + 4) & mask;
      queued = (queued + 4) | 0;
    }

    while (queued < count) {
      const packet = packets[queued];
      const length = lengths[packet];
      if ((length - MINIMUM) >>> 0 > lengthRange) break;
      const half = index << 1;
      ring64[half] = addresses[packet];
      ring64[half + 1] = commands[length];
      shadow[index] = packet;
      index = (index + 1) & mask;
      queued = (queued + 1) | 0;
    }
    if (queued > 0) {
      for (let i = tail | (BLOCK - 1), end = (tail + queued) | 0; i < end; i = (i + BLOCK) | 0) {
        const last = i & mask;
        ring[(last << 2) + COMMAND] |= RS;
        reports[last >> BLOCK_SHIFT] = last;
      }
      state[TAIL] = index;
      state[USED] = (used + queued) | 0;
      doorbells[doorbell] = index;
    }
    if (queued !== wanted) return leftover(batch, queued);
    batch.length = 0;
    return queued;
  };
}
