/**
 * The receive bursts: the hot path of every packet that arrives.
 *
 * Software keeps its own positions and learns of completion from the descriptors alone (82599 datasheet 7.1.6.2, DD); no
 * register is ever read. Empty descriptors are re-armed a block at a time, straight from the pool's free stack, and the
 * doorbell rings once for all of them.
 *
 * The factories are copied for each queue (see specialise.ts), so they use their parameter only.
 */
import {
  RX_ERROR_MASK,
  RX_STATUS_DD,
  RX_STATUS_EOP,
  RX_WB_LENGTH_MASK,
  RX_WB_LENGTH_VLAN,
  RX_WB_STATUS_ERROR,
} from '../../datasheet/ixgbe/descriptors.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import {
  DEFAULT_HEADROOM,
  NO_PACKET,
  type PacketPool,
  POOL_CHAINS,
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
  /** Descriptors re-armed at once; divides every ring's length. */
  BLOCK: 32,
  STRIDE: SLOT_STRIDE,
  HEADROOM: DEFAULT_HEADROOM,
  NO_PACKET,
  POOL_TOP,
  POOL_CHAINS,
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
} as const;

/** A queue's rings and tables, which become constants of its burst functions. */
export interface RxContext {
  readonly constants: typeof RX_CONSTANTS;
  readonly pool: PacketPool;
  readonly poolState: Int32Array;
  readonly freeStack: Int32Array;
  readonly lengths: Uint16Array;
  readonly links: Int32Array;
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
  /** Bytes that a buffer takes. */
  readonly maximumLength: number;
}

export type Receive = (batch: PacketBatch) => number;

/**
 * Arms empty descriptors block by block, keeping one block empty, and rings the doorbell once. Where the pool is short the
 * ring stays as it is, and the next burst tries again.
 */
export function makeRearm(context: RxContext): () => void {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses } = context;
  const { ring64: $ring64, shadow: $shadow, state: $state, doorbells: $doorbells } = context;
  const { BLOCK, POOL_TOP, EMPTY, TAIL, NO_BUFFER } = context.constants;
  const doorbell = context.doorbell;
  const mask = context.size - 1;

  return function rearm() {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const addresses = $addresses;
    const ring64 = $ring64;
    const shadow = $shadow;
    const state = $state;

    let top = poolState[POOL_TOP];
    let empty = state[EMPTY];
    const oldTail = state[TAIL] & mask;
    let tail = oldTail;
    while (empty >= BLOCK << 1 && top >= BLOCK) {
      for (let i = tail, end = (tail + BLOCK) | 0; i < end; i = (i + 1) | 0) {
        top = (top - 1) | 0;
        const packet = freeStack[top];
        shadow[i] = packet;
        const half = i << 1;
        ring64[half] = addresses[packet];
        ring64[half + 1] = 0; // the header address, in which DD will appear
      }
      tail = (tail + BLOCK) & mask;
      empty = (empty - BLOCK) | 0;
    }
    if (empty >= BLOCK << 1) state[NO_BUFFER]++;
    if (tail === oldTail) return;
    poolState[POOL_TOP] = top;
    state[EMPTY] = empty;
    state[TAIL] = tail;
    Atomics.store($doorbells, doorbell, tail);
  };
}

/** For frames that fit into one buffer each; anything else is dropped and counted. */
export function makeReceive(context: RxContext, rearm: () => void): Receive {
  const { poolState: $poolState, freeStack: $freeStack, lengths: $lengths, ring: $ring, shadow: $shadow } = context;
  const { pool, state: $state, size, maximumLength } = context;
  const { DD, EOP, WHOLE, STATUS, LENGTH, LENGTH_MASK, BLOCK, STRIDE, HEADROOM, POOL_TOP } = context.constants;
  const { NEXT, EMPTY, BAD_FRAMES } = context.constants;
  const mask = size - 1;

  return function receive(batch) {
    const poolState = $poolState;
    const freeStack = $freeStack;
    const lengths = $lengths;
    const ring = $ring;
    const shadow = $shadow;
    const state = $state;

    if (batch.pool !== pool) batch.adopt(pool);
    const packets = batch.packets;
    const offsets = batch.offsets;
    const first = batch.length;
    const empty = state[EMPTY];
    // Descriptors that were taken and not armed again still say DD: never look beyond the tail.
    const armed = (size - empty) | 0;
    const room = batch.capacity - first;
    const budget = Math.min(room, armed);
    let count = first;
    let seen = 0;
    let next = state[NEXT] & mask;
    while (seen < budget) {
      const descriptor = next << 2;
      const status = ring[descriptor + STATUS];
      if ((status & DD) === 0) break;
      const packet = shadow[next];
      const length = ring[descriptor + LENGTH] & LENGTH_MASK;
      next = (next + 1) & mask;
      seen = (seen + 1) | 0;
      if ((status & WHOLE) !== EOP || (length - 1) >>> 0 >= maximumLength) {
        freeStack[poolState[POOL_TOP]] = packet;
        poolState[POOL_TOP]++;
        state[BAD_FRAMES]++;
        continue;
      }
      lengths[packet] = length;
      packets[count] = packet;
      offsets[count] = Math.imul(packet, STRIDE) + HEADROOM;
      count = (count + 1) | 0;
    }
    batch.length = count;
    state[NEXT] = next;
    state[EMPTY] = (empty + seen) | 0;
    if (empty + seen >= BLOCK << 1) rearm();
    return count - first;
  };
}

/**
 * For frames that may spread over several buffers (82599 datasheet 7.1.6.2, EOP): they become chains. A frame with a bad
 * segment is dropped whole, and counted once.
 */
export function makeScatteredReceive(context: RxContext, rearm: () => void): Receive {
  const { links: $links, lengths: $lengths, ring: $ring, shadow: $shadow, state: $state } = context;
  const { pool, poolState: $poolState, size, maximumLength } = context;
  const { DD, EOP, ERRORS, STATUS, LENGTH, LENGTH_MASK, BLOCK, STRIDE, HEADROOM, NO_PACKET } = context.constants;
  const { NEXT, EMPTY, BAD_FRAMES, CHAIN_HEAD, CHAIN_TAIL, SKIPPING, POOL_CHAINS } = context.constants;
  const mask = size - 1;

  const drop = (packet: number, state: Int32Array): void => {
    if (state[CHAIN_HEAD] !== NO_PACKET) pool.reclaim(state[CHAIN_HEAD]);
    pool.reclaim(packet);
    state[CHAIN_HEAD] = NO_PACKET;
    state[BAD_FRAMES]++;
  };

  return function receiveScattered(batch) {
    const links = $links;
    const lengths = $lengths;
    const ring = $ring;
    const shadow = $shadow;
    const state = $state;

    if (batch.pool !== pool) batch.adopt(pool);
    const { packets, offsets, capacity } = batch;
    const first = batch.length;
    const empty = state[EMPTY];
    const armed = (size - empty) | 0;
    let count = first;
    let seen = 0;
    let next = state[NEXT] & mask;
    while (seen < armed && count < capacity) {
      const descriptor = next << 2;
      const status = ring[descriptor + STATUS];
      if ((status & DD) === 0) break;
      const packet = shadow[next];
      const length = ring[descriptor + LENGTH] & LENGTH_MASK;
      const last = (status & EOP) !== 0;
      next = (next + 1) & mask;
      seen = (seen + 1) | 0;
      if (state[SKIPPING] !== 0) {
        pool.reclaim(packet);
        if (last) state[SKIPPING] = 0;
        continue;
      }
      if ((last && (status & ERRORS) !== 0) || (length - 1) >>> 0 >= maximumLength) {
        drop(packet, state);
        if (!last) state[SKIPPING] = 1;
        continue;
      }
      lengths[packet] = length;
      const head = state[CHAIN_HEAD];
      if (head === NO_PACKET) {
        state[CHAIN_HEAD] = packet;
      } else {
        links[state[CHAIN_TAIL]] = packet;
        $poolState[POOL_CHAINS] = 1;
      }
      state[CHAIN_TAIL] = packet;
      if (!last) continue;
      const whole = state[CHAIN_HEAD];
      state[CHAIN_HEAD] = NO_PACKET;
      packets[count] = whole;
      offsets[count] = Math.imul(whole, STRIDE) + HEADROOM;
      count = (count + 1) | 0;
    }
    batch.length = count;
    state[NEXT] = next;
    state[EMPTY] = (empty + seen) | 0;
    if (empty + seen >= BLOCK << 1) rearm();
    return count - first;
  };
}
