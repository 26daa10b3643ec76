/**
 * The transmit burst of split rings: the hot path of every packet that leaves (virtio 1.2, sections 2.7.13 and 5.1.6.2).
 *
 * A packet's virtio header lies in its headroom, so that both are one buffer. Sent packets are taken back all together, and
 * only when the ring or the pool runs short; the device never interrupts for them. The factories are copied for each queue
 * and pool (see specialise.ts): they use their parameters only.
 */
import type { FourViews } from '../four-views.ts';
import type { Transmit, TxSource, TxTables } from '../tx-context.ts';
import type { SplitRing } from './context.ts';

export type SplitTxTables = TxTables & SplitRing;

export interface SplitTxContext extends SplitTxTables, TxSource {
  /** See `lengthImages`. */
  readonly images: Float64Array;
  /** Four packets at a time of the pool's free stack, by the index of the lowest. */
  readonly fourFree: FourViews<Int32Array>;
  /** The two words of 8 bytes in which packets' headers lie, equally long as views: both by the word where a slot begins. */
  readonly headerBegins: Float64Array;
  readonly headerEnds: Float64Array;
}

/** The second half of a frame's only descriptor by the packet's length: length of the buffer, no flags, no next. */
export function lengthImages(maximumLength: number, headerBytes: number): Float64Array {
  const image = new Float64Array(maximumLength + 1);
  const words = new Int32Array(image.buffer);
  for (let length = 0; length <= maximumLength; length++) words[2 * length] = length + headerBytes;
  return image;
}

/** Gives what has been sent back to the pool: frames in one piece, all of this pool. Returns how many descriptors are free. */
export function makeSplitTakeBack(context: SplitTxContext): () => number {
  const { poolState: $poolState, freeStack: $freeStack, shadow: $shadow, order: $order, state: $state } = context;
  const { used: $used, used16: $used16, available: $available, size, inOrder, eventIndex, usedEvent, fail } = context;
  const { POOL_TOP, NO_PACKET, NEXT, AVAILABLE, FREE, HEAD } = context.constants;
  const { USED_INDEX, USED_ID } = context.split;
  const [$order0, $order1, $order2, $order3] = context.four.order;
  const [$usedIds0, $usedIds1, $usedIds2, $usedIds3] = context.four.usedIds;
  const [$freeStack0, $freeStack1, $freeStack2, $freeStack3] = context.fourFree;
  const mask = size - 1;

  return function takeBack() {
    const poolState = $poolState;
    const freeStack = $freeStack;
    const shadow = $shadow;
    const order = $order;
    const state = $state;
    const used = $used;
    const used16 = $used16;
    const available = $available;
    const order0 = $order0;
    const order1 = $order1;
    const order2 = $order2;
    const order3 = $order3;
    const usedIds0 = $usedIds0;
    const usedIds1 = $usedIds1;
    const usedIds2 = $usedIds2;
    const usedIds3 = $usedIds3;
    const freeStack0 = $freeStack0;
    const freeStack1 = $freeStack1;
    const freeStack2 = $freeStack2;
    const freeStack3 = $freeStack3;

    const free = state[FREE];
    const end = used16[USED_INDEX];
    let next = state[NEXT];
    const ready = (end - next) & 0xffff;
    if (ready === 0) return free;
    if (ready > ((state[AVAILABLE] - next) & 0xffff)) {
      fail('index', end);
      return 0;
    }
    let top = poolState[POOL_TOP];
    let tail = (state[HEAD] + free) & mask;
    let done = 0;
    let bad = false;
    let culprit = 0;
    // Four at a time while all is well: what V8 checks before it touches an array, it checks once for four.
    while (!inOrder && ((done + 4) | 0) <= ready && tail + 4 <= size && (next & mask) + 4 <= size) {
      const element = (next & mask) << 1;
      const id0 = usedIds0[element];
      const id1 = usedIds1[element];
      const id2 = usedIds2[element];
      const id3 = usedIds3[element];
      if (((id0 | id1 | id2 | id3) & ~mask) !== 0) break;
      const packet0 = shadow[id0];
      shadow[id0] = NO_PACKET;
      const packet1 = shadow[id1];
      shadow[id1] = NO_PACKET;
      const packet2 = shadow[id2];
      shadow[id2] = NO_PACKET;
      const packet3 = shadow[id3];
      shadow[id3] = NO_PACKET;
      if ((packet0 | packet1 | packet2 | packet3) < 0) {
        // As it was, in the opposite order: an id may be there twice.
        shadow[id3] = packet3;
        shadow[id2] = packet2;
        shadow[id1] = packet1;
        shadow[id0] = packet0;
        break;
      }
      order0[tail] = id0;
      order1[tail] = id1;
      order2[tail] = id2;
      order3[tail] = id3;
      freeStack0[top] = packet0;
      freeStack1[top] = packet1;
      freeStack2[top] = packet2;
      freeStack3[top] = packet3;
      top = (top + 4) | 0;
      tail = (tail + 4) & mask;
      next = (next + 4) & 0xffff;
      done = (done + 4) | 0;
    }
    while (done < ready) {
      // In order, it is known which buffers were used, and the device need not have written all elements (2.7.9).
      const id = inOrder ? order[tail] : used[USED_ID + ((next & mask) << 1)];
      const packet = shadow[id & mask];
      if ((id & ~mask) !== 0 || packet < 0) {
        bad = true;
        culprit = id;
        break;
      }
      shadow[id & mask] = NO_PACKET;
      order[tail] = id;
      freeStack[top] = packet;
      top = (top + 1) | 0;
      tail = (tail + 1) & mask;
      next = (next + 1) & 0xffff;
      done = (done + 1) | 0;
    }
    poolState[POOL_TOP] = top;
    state[NEXT] = next;
    state[FREE] = free + done;
    if (eventIndex) available[usedEvent] = next - 1; // stays behind, so that the index never passes it
    if (!bad) return free + done;
    fail('id', culprit);
    return 0;
  };
}

export function makeSplitTransmit(context: SplitTxContext, takeBack: () => number): Transmit {
  const { poolState: $poolState, lengths: $lengths, addresses: $addresses, images: $images } = context;
  const { descriptors64: $descriptors64, available: $available, used16: $used16, order: $order } = context;
  const { headerBegins: $headerBegins, headerEnds: $headerEnds } = context;
  const { shadow: $shadow, state: $state, totals: $totals } = context;
  const { size, pool, otherwise, leftover, notify, eventIndex, availableEvent } = context;
  const { POOL_TOP, POOL_MOVED, POOL_SPECIAL, MINIMUM, RESERVE } = context.constants;
  const { STRIDE64, AVAILABLE, FREE, HEAD, PACKETS, BYTES } = context.constants;
  const { AVAILABLE_INDEX, AVAILABLE_RING, USED_FLAGS, NO_NOTIFY } = context.split;
  const [$order0, $order1, $order2, $order3] = context.four.order;
  const [$available0, $available1, $available2, $available3] = context.four.available;
  const lengthRange = context.maximumLength - MINIMUM;
  const mask = size - 1;

  return function transmit(batch) {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const lengths = $lengths;
    const addresses = $addresses;
    const images = $images;
    const descriptors64 = $descriptors64;
    const available = $available;
    const used16 = $used16;
    const order = $order;
    const headerBegins = $headerBegins;
    const headerEnds = $headerEnds;
    const shadow = $shadow;
    const state = $state;
    const totals = $totals;
    const order0 = $order0;
    const order1 = $order1;
    const order2 = $order2;
    const order3 = $order3;
    const available0 = $available0;
    const available1 = $available1;
    const available2 = $available2;
    const available3 = $available3;

    if (batch.pool !== pool || (poolState[POOL_MOVED] | poolState[POOL_SPECIAL]) !== 0) return otherwise(batch);
    const wanted = batch.length | 0;
    let count = wanted;
    if (state[FREE] < count + RESERVE || poolState[POOL_TOP] < RESERVE) {
      const room = takeBack();
      if (count > room) count = room | 0;
    }

    const packets = batch.packets;
    let head = state[HEAD] & mask;
    let index = state[AVAILABLE] & 0xffff;
    let queued = 0;
    let bytes = 0;

    // Four at a time while four fit: what V8 checks before it touches an array, it checks once for four.
    while (((queued + 4) | 0) <= count && head + 4 <= size && (index & mask) + 4 <= size) {
      const packet0 = packets[queued];
      const packet1 = packets[(queued + 1) | 0];
      const packet2 = packets[(queued + 2) | 0];
      const packet3 = packets[(queued + 3) | 0];
      const length0 = lengths[packet0];
      const length1 = lengths[packet1];
      const length2 = lengths[packet2];
      const length3 = lengths[packet3];
      if ((length0 - MINIMUM) >>> 0 > lengthRange || (length1 - MINIMUM) >>> 0 > lengthRange) break;
      if ((length2 - MINIMUM) >>> 0 > lengthRange || (length3 - MINIMUM) >>> 0 > lengthRange) break;
      const place = index & mask;

      const id0 = order0[head];
      const slot0 = Math.imul(packet0, STRIDE64);
      headerBegins[slot0] = 0;
      headerEnds[slot0] = 0;
      descriptors64[id0 << 1] = addresses[packet0];
      descriptors64[(id0 << 1) + 1] = images[length0];
      shadow[id0] = packet0;
      available0[place] = id0;

      const id1 = order1[head];
      const slot1 = Math.imul(packet1, STRIDE64);
      headerBegins[slot1] = 0;
      headerEnds[slot1] = 0;
      descriptors64[id1 << 1] = addresses[packet1];
      descriptors64[(id1 << 1) + 1] = images[length1];
      shadow[id1] = packet1;
      available1[place] = id1;

      const id2 = order2[head];
      const slot2 = Math.imul(packet2, STRIDE64);
      headerBegins[slot2] = 0;
      headerEnds[slot2] = 0;
      descriptors64[id2 << 1] = addresses[packet2];
      descriptors64[(id2 << 1) + 1] = images[length2];
      shadow[id2] = packet2;
      available2[place] = id2;

      const id3 = order3[head];
      const slot3 = Math.imul(packet3, STRIDE64);
      headerBegins[slot3] = 0;
      headerEnds[slot3] = 0;
      descriptors64[id3 << 1] = addresses[packet3];
      descriptors64[(id3 << 1) + 1] = images[length3];
      shadow[id3] = packet3;
      available3[place] = id3;
      bytes = (bytes + length0 + length1 + length2 + length3) | 0;
      head = (head + 4) & mask;
      index = (index + 4) & 0xffff;
      queued = (queued + 4) | 0;
    }

    while (queued < count) {
      const packet = packets[queued];
      const length = lengths[packet];
      if ((length - MINIMUM) >>> 0 > lengthRange) break;
      const id = order[head] & mask;
      const slot = Math.imul(packet, STRIDE64);
      headerBegins[slot] = 0;
      headerEnds[slot] = 0;
      descriptors64[id << 1] = addresses[packet];
      descriptors64[(id << 1) + 1] = images[length];
      shadow[id] = packet;
      available[AVAILABLE_RING + (index & mask)] = id;
      bytes = (bytes + length) | 0;
      head = (head + 1) & mask;
      index = (index + 1) & 0xffff;
      queued = (queued + 1) | 0;
    }
    if (queued > 0) {
      state[HEAD] = head;
      state[AVAILABLE] = index;
      state[FREE] -= queued;
      totals[PACKETS] += queued;
      totals[BYTES] += bytes;
      // A full barrier: the device sees the buffers before the index, and its wish is read after that (2.7.13.4.1).
      Atomics.store(available, AVAILABLE_INDEX, index);
      if (eventIndex) {
        if (((index - used16[availableEvent] - 1) & 0xffff) < queued) notify();
      } else if ((used16[USED_FLAGS] & NO_NOTIFY) === 0) {
        notify();
      }
    }
    if (queued !== wanted) return leftover(batch, queued);
    batch.length = 0;
    return queued;
  };
}
