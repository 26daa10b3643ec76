/**
 * The receive burst of packed rings: the hot path of every packet that arrives (virtio 1.2, sections 2.8.21 and 2.8.22).
 *
 * The flags of the next descriptors tell what arrived. Buffers taken are replaced a block at a time, straight from the pool's
 * free stack. The factories are copied for each queue (see specialise.ts): they use their parameters only.
 */
import type { PackedRing } from './packed-context.ts';
import type { PackedKick } from './packed-kick.ts';
import type { Receive, RxContext } from './rx-context.ts';

export type PackedRxContext = RxContext & PackedRing;

/** Puts fresh packets into free descriptors, as many as the pool has, and rings if the device wants it. */
export function makePackedRefill(context: PackedRxContext, kick: PackedKick): () => void {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses, shadow: $shadow } = context;
  const { descriptors: $descriptors, descriptors64: $descriptors64, order: $order, state: $state } = context;
  const { size } = context;
  const { POOL_TOP, AVAILABLE, AVAILABLE_WRAP, OUTSTANDING, NO_BUFFER } = context.constants;
  const { LENGTH, ID_FLAGS, IN_USE } = context.packed;
  const mask = size - 1;
  const bufferLength = context.headerBytes + context.maximumLength;

  return function refill() {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const addresses = $addresses;
    const shadow = $shadow;
    const descriptors = $descriptors;
    const descriptors64 = $descriptors64;
    const order = $order;
    const state = $state;

    let top = poolState[POOL_TOP];
    let count = size - state[OUTSTANDING];
    if (count > top) {
      state[NO_BUFFER]++;
      count = top;
    }
    if (count === 0) return;
    let place = state[AVAILABLE] & mask;
    let flags = state[AVAILABLE_WRAP];
    for (let i = 0; i < count; i = (i + 1) | 0) {
      const id = order[place] & mask;
      top = (top - 1) | 0;
      const packet = freeStack[top];
      shadow[id] = packet;
      descriptors64[place << 1] = addresses[packet];
      descriptors[(place << 2) + LENGTH] = bufferLength;
      descriptors[(place << 2) + ID_FLAGS] = flags | id; // last: with it the buffer is the device's
      place = (place + 1) & mask;
      if (place === 0) flags ^= IN_USE;
    }
    poolState[POOL_TOP] = top;
    state[OUTSTANDING] += count;
    kick(place, flags, count);
  };
}

/** For frames in one buffer each, whose headers say nothing: neither MRG_RXBUF nor GUEST_CSUM nor IN_ORDER. */
export function makePackedReceive(context: PackedRxContext, refill: () => void): Receive {
  const { poolState: $poolState, freeStack: $freeStack, lengths: $lengths, shadow: $shadow } = context;
  const { descriptors: $descriptors, order: $order, state: $state, totals: $totals } = context;
  const { pool, size, maximumLength, headerBytes, block, fail } = context;
  const { STRIDE, HEADROOM, POOL_TOP, NEXT, NEXT_WRAP, OUTSTANDING, BAD_FRAMES, PACKETS, BYTES } = context.constants;
  const { LENGTH, ID_FLAGS, ID_MASK, IN_USE } = context.packed;
  const mask = size - 1;
  /** Bits that no id has. */
  const noId = ID_MASK & ~mask;

  return function receive(batch) {
    const poolState = $poolState;
    const freeStack = $freeStack;
    const lengths = $lengths;
    const shadow = $shadow;
    const descriptors = $descriptors;
    const order = $order;
    const state = $state;
    const totals = $totals;

    if (batch.pool !== pool) batch.adopt(pool);
    const packets = batch.packets;
    const offsets = batch.offsets;
    const first = batch.length;
    const outstanding = state[OUTSTANDING];
    const room = batch.capacity - first;
    const budget = Math.min(room, outstanding);
    let count = first;
    let seen = 0;
    let bytes = 0;
    let fault = -1;
    let next = state[NEXT] & mask;
    let lap = state[NEXT_WRAP];

    // Four at a time while four good frames are there: what V8 checks before it touches an array, it checks once for four.
    while (seen + 4 <= budget && next + 4 <= size) {
      const word = next << 2;
      const used0 = descriptors[word + ID_FLAGS];
      const used1 = descriptors[word + 4 + ID_FLAGS];
      const used2 = descriptors[word + 8 + ID_FLAGS];
      const used3 = descriptors[word + 12 + ID_FLAGS];
      if ((((used0 ^ lap) | (used1 ^ lap) | (used2 ^ lap) | (used3 ^ lap)) & IN_USE) !== 0) break;
      if (((used0 | used1 | used2 | used3) & noId) !== 0) break;
      const length0 = descriptors[word + LENGTH] - headerBytes;
      const length1 = descriptors[word + 4 + LENGTH] - headerBytes;
      const length2 = descriptors[word + 8 + LENGTH] - headerBytes;
      const length3 = descriptors[word + 12 + LENGTH] - headerBytes;
      if ((length0 - 1) >>> 0 >= maximumLength || (length1 - 1) >>> 0 >= maximumLength) break;
      if ((length2 - 1) >>> 0 >= maximumLength || (length3 - 1) >>> 0 >= maximumLength) break;
      const packet0 = shadow[used0 & mask];
      shadow[used0 & mask] = -1;
      const packet1 = shadow[used1 & mask];
      shadow[used1 & mask] = -1;
      const packet2 = shadow[used2 & mask];
      shadow[used2 & mask] = -1;
      const packet3 = shadow[used3 & mask];
      shadow[used3 & mask] = -1;
      if ((packet0 | packet1 | packet2 | packet3) < 0) {
        // One of them the device does not have, or twice: as it was, so that the loop below finds which.
        shadow[used3 & mask] = packet3;
        shadow[used2 & mask] = packet2;
        shadow[used1 & mask] = packet1;
        shadow[used0 & mask] = packet0;
        break;
      }
      order[next] = used0;
      order[next + 1] = used1;
      order[next + 2] = used2;
      order[next + 3] = used3;
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
      next = (next + 4) & mask;
      if (next === 0) lap ^= IN_USE;
    }

    while (seen < budget) {
      const word = next << 2;
      const used = descriptors[word + ID_FLAGS];
      if (((used ^ lap) & IN_USE) !== 0) break;
      const packet = shadow[used & mask];
      if ((used & noId) !== 0 || packet < 0) {
        fault = used & ID_MASK;
        break;
      }
      const length = descriptors[word + LENGTH] - headerBytes;
      shadow[used & mask] = -1;
      order[next] = used;
      seen = (seen + 1) | 0;
      next = (next + 1) & mask;
      if (next === 0) lap ^= IN_USE;
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
    state[NEXT_WRAP] = lap;
    state[OUTSTANDING] = outstanding - seen;
    totals[PACKETS] += count - first;
    totals[BYTES] += bytes;
    if (fault >= 0) fail('id', fault);
    else if (size - outstanding + seen >= block) refill();
    return count - first;
  };
}
