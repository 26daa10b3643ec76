/**
 * The receive burst of split rings: the hot path of every packet that arrives (virtio 1.2, sections 2.7.13 and 2.7.14).
 *
 * One look at used.idx tells what arrived. Buffers taken are replaced a block at a time, straight from the pool's free
 * stack, and published together. The factories are copied for each queue (see specialise.ts): they use their parameters only.
 */
import type { FourViews } from '../four-views.ts';
import type { Receive, RxContext } from '../rx-context.ts';
import type { SplitRing } from './context.ts';

export interface SplitRxContext extends RxContext, SplitRing {
  /** Four packets at a time from the pool's free stack, by the index of the lowest. */
  readonly fourFree: FourViews<Int32Array>;
}

/** Puts fresh packets into free buffers, as many as the pool has, publishes them, and rings if the device wants it. */
export function makeSplitRefill(context: SplitRxContext): () => void {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses, shadow: $shadow } = context;
  const { descriptors64: $descriptors64, available: $available, used16: $used16, order: $order } = context;
  const { state: $state, notify, size, eventIndex, usedEvent, availableEvent } = context;
  const { POOL_TOP, NEXT, AVAILABLE, NO_BUFFER, ARMED } = context.constants;
  const { AVAILABLE_INDEX, AVAILABLE_RING, USED_FLAGS, NO_NOTIFY } = context.split;
  const [$order0, $order1, $order2, $order3] = context.four.order;
  const [$available0, $available1, $available2, $available3] = context.four.available;
  const [$freeStack0, $freeStack1, $freeStack2, $freeStack3] = context.fourFree;
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
    const order0 = $order0;
    const order1 = $order1;
    const order2 = $order2;
    const order3 = $order3;
    const available0 = $available0;
    const available1 = $available1;
    const available2 = $available2;
    const available3 = $available3;
    const freeStack0 = $freeStack0;
    const freeStack1 = $freeStack1;
    const freeStack2 = $freeStack2;
    const freeStack3 = $freeStack3;

    const before = state[AVAILABLE];
    let top = poolState[POOL_TOP];
    let count = (state[NEXT] + buffers - before) & 0xffff;
    if (count > top) {
      state[NO_BUFFER]++;
      count = top;
    }
    if (count === 0) return;
    let index = before;
    let done = 0;
    // Four at a time, as everywhere, up to where the rings end.
    while (((done + 4) | 0) <= count && (index & orderMask) + 4 <= buffers) {
      const slot = index & mask;
      const place = index & orderMask;
      top = (top - 4) | 0;

      const id0 = order0[place];
      const packet0 = freeStack3[top];
      descriptors64[(id0 + dataDescriptor) << 1] = addresses[packet0]; // length and flags stay as they are
      shadow[id0] = packet0;
      available0[slot] = id0;

      const id1 = order1[place];
      const packet1 = freeStack2[top];
      descriptors64[(id1 + dataDescriptor) << 1] = addresses[packet1];
      shadow[id1] = packet1;
      available1[slot] = id1;

      const id2 = order2[place];
      const packet2 = freeStack1[top];
      descriptors64[(id2 + dataDescriptor) << 1] = addresses[packet2];
      shadow[id2] = packet2;
      available2[slot] = id2;

      const id3 = order3[place];
      const packet3 = freeStack0[top];
      descriptors64[(id3 + dataDescriptor) << 1] = addresses[packet3];
      shadow[id3] = packet3;
      available3[slot] = id3;
      done = (done + 4) | 0;
      index = (index + 4) & 0xffff;
    }
    for (; done < count; done = (done + 1) | 0) {
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

/**
 * For frames in one buffer each that need nothing done to them. What else there is, good or bad, `unusual` takes: it goes
 * on where this function stops, and drops, counts and reports.
 */
export function makeSplitReceive(context: SplitRxContext, refill: () => void, unusual: Receive): Receive {
  const { lengths: $lengths, offloads: $offloads, shadow: $shadow, headers: $headers } = context;
  const { used: $used, used16: $used16, order: $order, state: $state, totals: $totals } = context;
  const { pool, size, pairs, inOrder, mergeable, receiveChecksum, maximumLength, headerBytes, block, fail } = context;
  const { STRIDE, HEADROOM, NEXT, AVAILABLE, GROUP, PACKETS, BYTES } = context.constants;
  const { NEEDS_CHECKSUM, DATA_VALID, VERIFIED, NUMBER_OF_BUFFERS } = context.constants;
  const { USED_INDEX, USED_ID } = context.split;
  const [$order0, $order1, $order2, $order3] = context.four.order;
  const [$usedIds0, $usedIds1, $usedIds2, $usedIds3] = context.four.usedIds;
  const [$usedLengths0, $usedLengths1, $usedLengths2, $usedLengths3] = context.four.usedLengths;
  const mask = size - 1;
  const buffers = pairs ? size >> 1 : size;
  const orderMask = buffers - 1;
  /** Bits that no id has. */
  const noId = pairs ? ~mask | 1 : ~mask;
  /** Bits that no length less one has, of frames that are looked at four at a time. */
  const noLength = -1 << (31 - Math.clz32(maximumLength));
  /** From one packet's header to the next, and to the first, in words of 16 bits. */
  const headerStride = STRIDE >> 1;
  const headerOffset = (HEADROOM - headerBytes) >> 1;

  /** Whether a frame's header says that nothing need be done; notes whether its checksum was verified. */
  const isUsual = (packet: number, headers: Uint16Array, offloads: Uint8Array): boolean => {
    if (!mergeable && !receiveChecksum) return true;
    const header = Math.imul(packet, headerStride) + headerOffset;
    if (mergeable && headers[header + NUMBER_OF_BUFFERS] !== 1) return false;
    if (!receiveChecksum) return true;
    const flags = headers[header];
    offloads[packet] = (flags & DATA_VALID) !== 0 ? VERIFIED : 0;
    return (flags & NEEDS_CHECKSUM) === 0;
  };

  return function receive(batch) {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const lengths = $lengths;
    const offloads = $offloads;
    const shadow = $shadow;
    const headers = $headers;
    const used = $used;
    const used16 = $used16;
    const order = $order;
    const state = $state;
    const totals = $totals;
    const order0 = $order0;
    const order1 = $order1;
    const order2 = $order2;
    const order3 = $order3;
    const usedIds0 = $usedIds0;
    const usedIds1 = $usedIds1;
    const usedIds2 = $usedIds2;
    const usedIds3 = $usedIds3;
    const usedLengths0 = $usedLengths0;
    const usedLengths1 = $usedLengths1;
    const usedLengths2 = $usedLengths2;
    const usedLengths3 = $usedLengths3;

    if (batch.pool !== pool) batch.adopt(pool);
    const packets = batch.packets;
    const offsets = batch.offsets;
    const first = batch.length;
    let next = state[NEXT] & 0xffff;
    const end = used16[USED_INDEX];
    const ready = (end - next) & 0xffff;
    const outstanding = (state[AVAILABLE] - next) & 0xffff;
    if (ready > outstanding) {
      fail('index', end);
      return 0;
    }
    // A group of buffers in the midst of which the last burst ended is unusual.
    const budget = inOrder && state[GROUP] !== 0 ? 0 : Math.min(batch.capacity - first, ready) | 0;
    let count = first;
    let seen = 0;
    let bytes = 0;

    // Four at a time while four usual frames are there: what V8 checks before it touches an array, it checks once for four.
    while (((seen + 4) | 0) <= budget && (next & orderMask) + 4 <= buffers) {
      const slot = next & orderMask;
      const element = (next & mask) << 1;
      const id0 = usedIds0[element];
      const id1 = usedIds1[element];
      const id2 = usedIds2[element];
      const id3 = usedIds3[element];
      if (((id0 | id1 | id2 | id3) & noId) !== 0) break;
      if (inOrder && (id0 ^ order0[slot]) | (id1 ^ order1[slot]) | (id2 ^ order2[slot]) | (id3 ^ order3[slot])) break;
      const length0 = (usedLengths0[element] - headerBytes) | 0;
      const length1 = (usedLengths1[element] - headerBytes) | 0;
      const length2 = (usedLengths2[element] - headerBytes) | 0;
      const length3 = (usedLengths3[element] - headerBytes) | 0;
      if ((((length0 - 1) | (length1 - 1) | (length2 - 1) | (length3 - 1)) & noLength) !== 0) break;
      const packet0 = shadow[id0 & mask];
      shadow[id0 & mask] = -1;
      const packet1 = shadow[id1 & mask];
      shadow[id1 & mask] = -1;
      const packet2 = shadow[id2 & mask];
      shadow[id2 & mask] = -1;
      const packet3 = shadow[id3 & mask];
      shadow[id3 & mask] = -1;
      // Below 0: one that the device does not have, or one twice.
      const usual =
        (packet0 | packet1 | packet2 | packet3) >= 0 &&
        isUsual(packet0, headers, offloads) &&
        isUsual(packet1, headers, offloads) &&
        isUsual(packet2, headers, offloads) &&
        isUsual(packet3, headers, offloads);
      if (!usual) {
        // As it was, in the opposite order: an id may be there twice.
        shadow[id3 & mask] = packet3;
        shadow[id2 & mask] = packet2;
        shadow[id1 & mask] = packet1;
        shadow[id0 & mask] = packet0;
        break;
      }
      order0[slot] = id0;
      lengths[packet0] = length0;
      packets[count] = packet0;
      offsets[count] = Math.imul(packet0, STRIDE) + HEADROOM;
      order1[slot] = id1;
      lengths[packet1] = length1;
      packets[(count + 1) | 0] = packet1;
      offsets[(count + 1) | 0] = Math.imul(packet1, STRIDE) + HEADROOM;
      order2[slot] = id2;
      lengths[packet2] = length2;
      packets[(count + 2) | 0] = packet2;
      offsets[(count + 2) | 0] = Math.imul(packet2, STRIDE) + HEADROOM;
      order3[slot] = id3;
      lengths[packet3] = length3;
      packets[(count + 3) | 0] = packet3;
      offsets[(count + 3) | 0] = Math.imul(packet3, STRIDE) + HEADROOM;
      bytes = (bytes + length0 + length1 + length2 + length3) | 0;
      count = (count + 4) | 0;
      seen = (seen + 4) | 0;
      next = (next + 4) & 0xffff;
    }

    while (seen < budget) {
      const slot = next & orderMask;
      const element = USED_ID + ((next & mask) << 1);
      const id = used[element];
      const length = used[element + 1] - headerBytes;
      const packet = shadow[id & mask];
      if ((id & noId) !== 0 || packet < 0 || (length - 1) >>> 0 >= maximumLength) break;
      if (inOrder && id !== order[slot]) break;
      if (!isUsual(packet, headers, offloads)) break;
      shadow[id & mask] = -1;
      order[slot] = id;
      lengths[packet] = length;
      packets[count] = packet;
      offsets[count] = Math.imul(packet, STRIDE) + HEADROOM;
      bytes = (bytes + length) | 0;
      count = (count + 1) | 0;
      seen = (seen + 1) | 0;
      next = (next + 1) & 0xffff;
    }
    batch.length = count;
    state[NEXT] = next;
    totals[PACKETS] += count - first;
    totals[BYTES] += bytes;
    if (seen < ready && count < batch.capacity) return count - first + unusual(batch);
    if (buffers - outstanding + seen >= block) refill();
    return count - first;
  };
}
