/**
 * The burst functions at the two ends of a ring between threads.
 *
 * Stores become visible to other x86-64 processors in the order in which they are executed, and V8 executes those to typed
 * arrays in the order of the program. So what a counter vouches for is stored ahead of the counter: entries ahead of TAIL and
 * RETURNED, and `holder` ahead of HEAD and REAPED. The two counters that the other thread waits for are published by `Atomics`,
 * once per burst.
 *
 * The factories are copied for each end (see specialise.ts), so they use their parameters only.
 */
import type { PacketBatch } from './packet-batch.ts';
import type { PacketPool } from './packet-pool.ts';
import { DEFAULT_HEADROOM, SLOT_STRIDE } from './packet-slots.ts';
import { POOL_MOVED, POOL_SPECIAL, POOL_TOP } from './pool-state.ts';
import { RING_HEAD, RING_REAPED, RING_RETURNED, RING_TAIL } from './ring-state.ts';

const CONSTANTS = {
  STRIDE: SLOT_STRIDE,
  HEADROOM: DEFAULT_HEADROOM,
  POOL_TOP,
  POOL_MOVED,
  POOL_SPECIAL,
  TAIL: RING_TAIL,
  REAPED: RING_REAPED,
  HEAD: RING_HEAD,
  RETURNED: RING_RETURNED,
  /** The producer takes packets back when the ring has no room, or the pool has fewer than these. */
  FEW: 32,
} as const;

/** What both ends know, which becomes constants of the burst functions. */
export interface RingContext {
  readonly constants: typeof CONSTANTS;
  readonly pool: PacketPool;
  readonly member: number;
  readonly poolState: Int32Array;
  readonly freeStack: Int32Array;
  readonly holder: Uint8Array;
  readonly lane: Int32Array;
  readonly back: Int32Array;
  readonly counters: Int32Array;
  /** Entries in each lane; a power of two. */
  readonly size: number;
}

export interface TransmitContext extends RingContext {
  /** Takes over batches that are not of single buffers with default headroom and without open checksums, all of them. */
  readonly otherwise: (batch: PacketBatch) => number;
}

export interface ReceiveContext extends RingContext {
  /** Takes packets of any kind from entry `index` up to `end`; returns the index behind those that found room in the batch. */
  readonly takeAny: (batch: PacketBatch, index: number, end: number) => number;
  /** Word 0: TAIL as it was last seen. */
  readonly seen: Int32Array;
}

export function ringContext(pool: PacketPool, member: number, holder: Uint8Array, ring: RingArrays): RingContext {
  const { lane, back, counters } = ring;
  const { state: poolState, stack: freeStack } = pool;
  return { constants: CONSTANTS, pool, member, poolState, freeStack, holder, lane, back, counters, size: lane.length };
}

type RingArrays = Pick<RingContext, 'lane' | 'back' | 'counters'>;

/** Takes back, to the producer's free list, whatever the consumer has returned. */
export function makeReap(context: RingContext): () => void {
  const { poolState: $poolState, freeStack: $freeStack, holder: $holder } = context;
  const { back: $back, counters: $counters, member } = context;
  const { POOL_TOP, REAPED, RETURNED } = context.constants;
  const mask = context.size - 1;

  return function reap() {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const holder = $holder;
    const back = $back;
    const counters = $counters;

    const returned = Atomics.load(counters, RETURNED);
    let top = poolState[POOL_TOP];
    for (let i = counters[REAPED]; i !== returned; i = (i + 1) | 0) {
      const packet = back[i & mask];
      holder[packet] = member;
      freeStack[top] = packet;
      top = (top + 1) | 0;
    }
    poolState[POOL_TOP] = top;
    counters[REAPED] = returned;
  };
}

export function makeTransmit(context: TransmitContext, reap: () => void): (batch: PacketBatch) => number {
  const { poolState: $poolState, lane: $lane, counters: $counters, pool, size, otherwise } = context;
  const { POOL_TOP, POOL_MOVED, POOL_SPECIAL, TAIL, REAPED, FEW } = context.constants;
  const mask = size - 1;

  return function transmit(batch) {
    const poolState = $poolState;
    const lane = $lane;
    const counters = $counters;

    if (batch.pool !== pool || (poolState[POOL_MOVED] | poolState[POOL_SPECIAL]) !== 0) return otherwise(batch);
    const wanted = batch.length | 0;
    const tail = counters[TAIL];
    let room = (size - (tail - counters[REAPED])) | 0;
    if (room < wanted || poolState[POOL_TOP] < FEW) {
      reap();
      room = (size - (tail - counters[REAPED])) | 0;
    }
    const count = Math.min(wanted, room);
    const packets = batch.packets;
    let index = tail & mask;
    let queued = 0;

    // Four at a time while four fit: what V8 checks before it touches an array, it checks once for four.
    while (queued + 4 <= count && index + 4 <= size) {
      lane[index] = packets[queued];
      lane[index + 1] = packets[queued + 1];
      lane[index + 2] = packets[queued + 2];
      lane[index + 3] = packets[queued + 3];
      index = (index + 4) & mask;
      queued = (queued + 4) | 0;
    }
    while (queued < count) {
      lane[index] = packets[queued];
      index = (index + 1) & mask;
      queued = (queued + 1) | 0;
    }
    if (queued > 0) Atomics.store(counters, TAIL, (tail + queued) | 0);
    if (queued !== wanted) batch.shift(queued);
    else batch.length = 0;
    return queued;
  };
}

export function makeReceive(context: ReceiveContext): (batch: PacketBatch) => number {
  const { poolState: $poolState, freeStack: $freeStack, holder: $holder, lane: $lane, back: $back } = context;
  const { counters: $counters, seen: $seen, pool, member, size, takeAny } = context;
  const { STRIDE, HEADROOM, POOL_TOP, TAIL, HEAD, RETURNED } = context.constants;
  const mask = size - 1;

  return function receive(batch) {
    const poolState = $poolState;
    const freeStack = $freeStack;
    const holder = $holder;
    const lane = $lane;
    const back = $back;
    const counters = $counters;
    const seen = $seen;

    if (batch.pool !== pool) batch.adopt(pool);
    const packets = batch.packets;
    const offsets = batch.offsets;
    const first = batch.length;
    const room = batch.capacity - first;
    let head = counters[HEAD];
    let waiting = (seen[0] - head) | 0;
    if (waiting < room) {
      const tail = Atomics.load(counters, TAIL);
      seen[0] = tail;
      waiting = (tail - head) | 0;
    }
    const end = (first + Math.min(room, waiting)) | 0;
    let count = first;
    let index = head & mask;

    while (count + 4 <= end && index + 4 <= size) {
      const packet0 = lane[index];
      const packet1 = lane[index + 1];
      const packet2 = lane[index + 2];
      const packet3 = lane[index + 3];
      if ((packet0 | packet1 | packet2 | packet3) < 0) break;
      holder[packet0] = member;
      holder[packet1] = member;
      holder[packet2] = member;
      holder[packet3] = member;
      packets[count] = packet0;
      packets[count + 1] = packet1;
      packets[count + 2] = packet2;
      packets[count + 3] = packet3;
      offsets[count] = Math.imul(packet0, STRIDE) + HEADROOM;
      offsets[count + 1] = Math.imul(packet1, STRIDE) + HEADROOM;
      offsets[count + 2] = Math.imul(packet2, STRIDE) + HEADROOM;
      offsets[count + 3] = Math.imul(packet3, STRIDE) + HEADROOM;
      count = (count + 4) | 0;
      index = (index + 4) & mask;
    }
    while (count < end) {
      const packet = lane[index];
      if (packet < 0) break;
      holder[packet] = member;
      packets[count] = packet;
      offsets[count] = Math.imul(packet, STRIDE) + HEADROOM;
      count = (count + 1) | 0;
      index = (index + 1) & mask;
    }
    batch.length = count;
    head = (head + count - first) | 0;
    if (count < end) head = takeAny(batch, head, seen[0]);
    counters[HEAD] = head;

    // A free packet goes back for each one taken; later, if there is none yet.
    const returned = counters[RETURNED];
    let top = poolState[POOL_TOP];
    const due = Math.min((head - returned) | 0, top);
    if (due > 0) {
      index = returned & mask;
      for (let i = 0; i < due; i = (i + 1) | 0) {
        top = (top - 1) | 0;
        back[index] = freeStack[top];
        index = (index + 1) & mask;
      }
      poolState[POOL_TOP] = top;
      Atomics.store(counters, RETURNED, (returned + due) | 0);
    }
    return batch.length - first;
  };
}
