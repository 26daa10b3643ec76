/**
 * The receive burst of split rings: the hot path of every packet that arrives (virtio 1.2, sections 2.7.13 and 2.7.14).
 *
 * One look at used.idx tells what arrived. Buffers taken are replaced a block at a time, straight from the pool's free
 * stack, and published together. The factories are copied for each queue (see specialise.ts): they use their parameters only.
 */
import type { Receive, RxContext } from './rx-context.ts';
import type { SplitRing } from './split-context.ts';

export type SplitRxContext = RxContext & SplitRing;

/** Puts fresh packets into free buffers, as many as the pool has, publishes them, and rings if the device wants it. */
export function makeSplitRefill(context: SplitRxContext): () => void {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses, shadow: $shadow } = context;
  const { descriptors64: $descriptors64, available: $available, used16: $used16, order: $order } = context;
  const { state: $state, notify, size, eventIndex, usedEvent, availableEvent } = context;
  const { POOL_TOP, NEXT, AVAILABLE, NO_BUFFER, ARMED } = context.constants;
  const { AVAILABLE_INDEX, AVAILABLE_RING, USED_FLAGS, NO_NOTIFY } = context.split;
  const mask = size - 1;
  const buffers = context.pairs ? size >> 1 : size;
  const orderMask = buffers - 1;
  const dataDescriptor = context.pairs ? 1 : 0;

  return function refill() {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const addresses = $addresses;
    const shadow = $shadow;
    const descriptors64 = $descriptors64;
    const available = $available;
    const used16 = $used16;
    const order = $order;
    const state = $state;

    const before = state[AVAILABLE];
    let top = poolState[POOL_TOP];
    let count = (state[NEXT] + buffers - before) & 0xffff;
    if (count > top) {
      state[NO_BUFFER]++;
      count = top;
    }
    if (count === 0) return;
    let index = before;
    for (let i = 0; i < count; i = (i + 1) | 0) {
      const slot = index & mask;
      const id = order[index & orderMask] & mask;
      top = (top - 1) | 0;
      const packet = freeStack[top];
      descriptors64[(id + dataDescriptor) << 1] = addresses[packet]; // length and flags stay as they are
      shadow[id] = packet;
      available[AVAILABLE_RING + slot] = id;
      index = (index + 1) & 0xffff;
    }
    poolState[POOL_TOP] = top;
    state[AVAILABLE] = index;
    // With interrupts off used_event stays behind, so that the index never passes it.
    if (eventIndex && state[ARMED] === 0) available[usedEvent] = state[NEXT] - 1;
    // A full barrier: the device sees the buffers before the index, and its wish is read after that (2.7.13.4.1).
    Atomics.store(available, AVAILABLE_INDEX, index);
    if (eventIndex) {
      if (((index - used16[availableEvent] - 1) & 0xffff) < count) notify();
    } else if ((used16[USED_FLAGS] & NO_NOTIFY) === 0) {
      notify();
    }
  };
}

/** For frames in one buffer each, whose headers say nothing: neither MRG_RXBUF nor GUEST_CSUM nor IN_ORDER. */
export function makeSplitReceive(context: SplitRxContext, refill: () => void): Receive {
  const { poolState: $poolState, freeStack: $freeStack, lengths: $lengths, shadow: $shadow } = context;
  const { used: $used, used16: $used16, order: $order, state: $state, totals: $totals } = context;
  const { pool, size, maximumLength, headerBytes, block, fail } = context;
  const { STRIDE, HEADROOM, POOL_TOP, NEXT, AVAILABLE, BAD_FRAMES, PACKETS, BYTES } = context.constants;
  const { USED_INDEX, USED_ID } = context.split;
  const mask = size - 1;
  const buffers = context.pairs ? size >> 1 : size;
  const orderMask = buffers - 1;
  /** Bits that no id has. */
  const noId = context.pairs ? ~mask | 1 : ~mask;

  return function receive(batch) {
    const poolState = $poolState;
    const freeStack = $freeStack;
    const lengths = $lengths;
    const shadow = $shadow;
    const used = $used;
    const used16 = $used16;
    const order = $order;
    const state = $state;
    const totals = $totals;

    if (batch.pool !== pool) batch.adopt(pool);
    const packets = batch.packets;
    const offsets = batch.offsets;
    const first = batch.length;
    const end = used16[USED_INDEX];
    let next = state[NEXT] & 0xffff;
    const ready = (end - next) & 0xffff;
    const outstanding = (state[AVAILABLE] - next) & 0xffff;
    if (ready > outstanding) {
      fail('index', end);
      return 0;
    }
    const room = batch.capacity - first;
    const budget = Math.min(room, ready);
    let count = first;
    let seen = 0;
    let bytes = 0;
    let fault = 0;

    // Four at a time while four good frames are there: what V8 checks before it touches an array, it checks once for four.
    while (seen + 4 <= budget && (next & orderMask) + 4 <= buffers) {
      const slot = next & mask;
      const element = USED_ID + (slot << 1);
      const id0 = used[element];
      const id1 = used[element + 2];
      const id2 = used[element + 4];
      const id3 = used[element + 6];
      const length0 = used[element + 1] - headerBytes;
      const length1 = used[element + 3] - headerBytes;
      const length2 = used[element + 5] - headerBytes;
      const length3 = used[element + 7] - headerBytes;
      if (((id0 | id1 | id2 | id3) & noId) !== 0) break;
      if ((length0 - 1) >>> 0 >= maximumLength || (length1 - 1) >>> 0 >= maximumLength) break;
      if ((length2 - 1) >>> 0 >= maximumLength || (length3 - 1) >>> 0 >= maximumLength) break;
      const packet0 = shadow[id0 & mask];
      shadow[id0 & mask] = -1;
      const packet1 = shadow[id1 & mask];
      shadow[id1 & mask] = -1;
      const packet2 = shadow[id2 & mask];
      shadow[id2 & mask] = -1;
      const packet3 = shadow[id3 & mask];
      shadow[id3 & mask] = -1;
      if ((packet0 | packet1 | packet2 | packet3) < 0) {
        // One of them the device does not have, or twice: as it was, so that the loop below finds which.
        shadow[id3 & mask] = packet3;
        shadow[id2 & mask] = packet2;
        shadow[id1 & mask] = packet1;
        shadow[id0 & mask] = packet0;
        break;
      }
      const freed = next & orderMask;
      order[freed] = id0;
      order[freed + 1] = id1;
      order[freed + 2] = id2;
      order[freed + 3] = id3;
      lengths[packet0] = length0;
      lengths[packet1] = length1;
      lengths[packet2] = length2;
      lengths[packet3] = length3;
      packets[count] = packet0;
      packets[count + 1] = packet1;
      packets[count + 2] = packet2;
      packets[count + 3] = packet3;
      offsets[count] = Math.imul(packet0, STRIDE) + HEADROOM;
      offsets[count + 1] = Math.imul(packet1, STRIDE) + HEADROOM;
      offsets[count + 2] = Math.imul(packet2, STRIDE) + HEADROOM;
      offsets[count + 3] = Math.imul(packet3, STRIDE) + HEADROOM;
      bytes = (bytes + length0 + length1 + length2 + length3) | 0;
      count = (count + 4) | 0;
      seen = (seen + 4) | 0;
      next = (next + 4) & 0xffff;
    }

    while (seen < budget) {
      const slot = next & mask;
      const id = used[USED_ID + (slot << 1)];
      const packet = shadow[id & mask];
      if ((id & noId) !== 0 || packet < 0) {
        fault = 1;
        break;
      }
      const length = used[USED_ID + (slot << 1) + 1] - headerBytes;
      shadow[id & mask] = -1;
      order[next & orderMask] = id;
      next = (next + 1) & 0xffff;
      seen = (seen + 1) | 0;
      if ((length - 1) >>> 0 >= maximumLength) {
        freeStack[poolState[POOL_TOP]] = packet;
        poolState[POOL_TOP]++;
        state[BAD_FRAMES]++;
        continue;
      }
      lengths[packet] = length;
      packets[count] = packet;
      offsets[count] = Math.imul(packet, STRIDE) + HEADROOM;
      bytes = (bytes + length) | 0;
      count = (count + 1) | 0;
    }
    batch.length = count;
    state[NEXT] = next;
    totals[PACKETS] += count - first;
    totals[BYTES] += bytes;
    if (fault !== 0) fail('id', used[USED_ID + ((next & mask) << 1)]);
    else if (buffers - outstanding + seen >= block) refill();
    return count - first;
  };
}
