/**
 * The receive burst of packed rings: the hot path of every packet that arrives (virtio 1.2, sections 2.8.21 and 2.8.22).
 *
 * The flags of the next descriptors tell what arrived. A used buffer is replaced where it lies, straight from the pool's free
 * stack, and its descriptor is the device's again. Only when the pool was empty do descriptors stay free; `refill` sees to
 * them. The factories are copied for each queue (see specialise.ts): they use their parameters only.
 */
import type { FourViews } from '../four-views.ts';
import type { Receive, RxContext } from '../rx-context.ts';
import type { PackedRing } from './context.ts';

export interface PackedRxContext extends RxContext, PackedRing {
  /** Four packets at a time from the pool's free stack, by the index of the lowest. */
  readonly fourFree: FourViews<Int32Array>;
  /** Four packets at a time from `shadow`. */
  readonly fourHeld: FourViews<Int32Array>;
}

/** Puts fresh packets into free descriptors, as many as the pool has, and rings if the device wants it. */
export function makePackedRefill(context: PackedRxContext, kick: () => void): () => void {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses, shadow: $shadow } = context;
  const { descriptors: $descriptors, descriptors64: $descriptors64, order: $order, state: $state } = context;
  const { size } = context;
  const { POOL_TOP, AVAILABLE, AVAILABLE_WRAP, OUTSTANDING, PENDING, NO_BUFFER } = context.constants;
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
    state[PENDING] += count;
    state[AVAILABLE] = place;
    state[AVAILABLE_WRAP] = flags;
    kick();
  };
}

/**
 * For frames in one buffer each that need nothing done to them, while the device has the whole ring. What else there is, good
 * or bad, `unusual` takes: it goes on where this function stops, and drops, counts and reports.
 */
export function makePackedReceive(context: PackedRxContext, kick: () => void, unusual: Receive): Receive {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses, lengths: $lengths } = context;
  const { descriptors: $descriptors, descriptors64: $descriptors64, shadow: $shadow, headers: $headers } = context;
  const { offloads: $offloads, state: $state, totals: $totals, pool, size } = context;
  const { inOrder, mergeable, receiveChecksum, maximumLength, headerBytes } = context;
  const { STRIDE, HEADROOM, POOL_TOP, PACKETS, BYTES, NEEDS_CHECKSUM, DATA_VALID, VERIFIED } = context.constants;
  const { NEXT, NEXT_WRAP, AVAILABLE, AVAILABLE_WRAP, OUTSTANDING, PENDING, GROUP, NUMBER_OF_BUFFERS } =
    context.constants;
  const { LENGTH, ID_FLAGS, ID_MASK, AVAIL, IN_USE, WRITE } = context.packed;
  const [$idFlags0, $idFlags1, $idFlags2, $idFlags3] = context.four.idFlags;
  const [$lengths0, $lengths1, $lengths2, $lengths3] = context.four.lengths;
  const [$addresses0, $addresses1, $addresses2, $addresses3] = context.four.addresses;
  const [$freeStack0, $freeStack1, $freeStack2, $freeStack3] = context.fourFree;
  const [$shadow0, $shadow1, $shadow2, $shadow3] = context.fourHeld;
  const mask = size - 1;
  /** Bits that no id has. */
  const noId = ID_MASK & ~mask;
  /** Bits that no length less one has, of frames that are looked at four at a time. */
  const noLength = -1 << (31 - Math.clz32(maximumLength));
  const bufferLength = headerBytes + maximumLength;
  /** The device finds buffers by itself while it has some: it is told when a quarter of the ring is new. */
  const announced = Math.max(1, size >> 2);
  const headersMatter = mergeable || receiveChecksum;
  /** From one packet's header to the next, and to the first, in words of 16 bits. */
  const headerStride = STRIDE >> 1;
  const headerOffset = (HEADROOM - headerBytes) >> 1;

  /** Whether a frame's header says that nothing need be done; notes whether its checksum was verified. */
  const isUsual = (packet: number, headers: Uint16Array, offloads: Uint8Array): boolean => {
    const header = Math.imul(packet, headerStride) + headerOffset;
    if (mergeable && headers[header + NUMBER_OF_BUFFERS] !== 1) return false;
    if (!receiveChecksum) return true;
    const flags = headers[header];
    offloads[packet] = (flags & DATA_VALID) !== 0 ? VERIFIED : 0;
    return (flags & NEEDS_CHECKSUM) === 0;
  };

  return function receive(batch) {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const addresses = $addresses;
    const lengths = $lengths;
    const descriptors = $descriptors;
    const descriptors64 = $descriptors64;
    const shadow = $shadow;
    const headers = $headers;
    const offloads = $offloads;
    const state = $state;
    const totals = $totals;
    const idFlags0 = $idFlags0;
    const idFlags1 = $idFlags1;
    const idFlags2 = $idFlags2;
    const idFlags3 = $idFlags3;
    const lengths0 = $lengths0;
    const lengths1 = $lengths1;
    const lengths2 = $lengths2;
    const lengths3 = $lengths3;
    const addresses0 = $addresses0;
    const addresses1 = $addresses1;
    const addresses2 = $addresses2;
    const addresses3 = $addresses3;
    const freeStack0 = $freeStack0;
    const freeStack1 = $freeStack1;
    const freeStack2 = $freeStack2;
    const freeStack3 = $freeStack3;
    const shadow0 = $shadow0;
    const shadow1 = $shadow1;
    const shadow2 = $shadow2;
    const shadow3 = $shadow3;

    if (batch.pool !== pool) batch.adopt(pool);
    const packets = batch.packets;
    const offsets = batch.offsets;
    const capacity = batch.capacity | 0;
    const first = batch.length | 0;
    let top = poolState[POOL_TOP];
    // A ring with free descriptors, and a group of buffers in the midst of which the last burst ended, are unusual.
    const isWhole = state[OUTSTANDING] === size && !(inOrder && state[GROUP] !== 0);
    const budget = isWhole ? Math.min((capacity - first) | 0, top) | 0 : 0;
    let count = first;
    let seen = 0;
    let bytes = 0;
    let next = state[NEXT] & mask;
    let lap = state[NEXT_WRAP];

    // Four at a time while there are four usual frames in the buffers that lay there, as devices do it.
    const beforeEnd = Math.min(budget, size - next) | 0;
    while (((seen + 4) | 0) <= beforeEnd) {
      const word = next << 2;
      const expected = lap | next;
      const wrong0 = idFlags0[word] ^ expected;
      const wrong1 = idFlags1[word] ^ (expected + 1);
      const wrong2 = idFlags2[word] ^ (expected + 2);
      const wrong3 = idFlags3[word] ^ (expected + 3);
      if (((wrong0 | wrong1 | wrong2 | wrong3) & (IN_USE | ID_MASK)) !== 0) break;
      const written0 = (lengths0[word] - headerBytes) | 0;
      const written1 = (lengths1[word] - headerBytes) | 0;
      const written2 = (lengths2[word] - headerBytes) | 0;
      const written3 = (lengths3[word] - headerBytes) | 0;
      const lengthBits = (written0 - 1) | (written1 - 1) | (written2 - 1) | (written3 - 1);
      if ((lengthBits & noLength) !== 0) break;
      const packet0 = shadow0[next];
      const packet1 = shadow1[next];
      const packet2 = shadow2[next];
      const packet3 = shadow3[next];
      if (headersMatter) {
        if (!isUsual(packet0, headers, offloads) || !isUsual(packet1, headers, offloads)) break;
        if (!isUsual(packet2, headers, offloads) || !isUsual(packet3, headers, offloads)) break;
      }
      const rearmed = WRITE | (expected ^ AVAIL);
      const half = next << 1;
      bytes = (bytes + written0 + written1 + written2 + written3) | 0;
      seen = (seen + 4) | 0;
      top = (top - 4) | 0;

      const fresh0 = freeStack3[top];
      shadow0[next] = fresh0;
      addresses0[half] = addresses[fresh0];
      lengths0[word] = bufferLength;
      idFlags0[word] = rearmed; // last: with it the buffer is the device's
      lengths[packet0] = written0;
      packets[count] = packet0;
      offsets[count] = Math.imul(packet0, STRIDE) + HEADROOM;

      const fresh1 = freeStack2[top];
      shadow1[next] = fresh1;
      addresses1[half] = addresses[fresh1];
      lengths1[word] = bufferLength;
      idFlags1[word] = rearmed + 1;
      lengths[packet1] = written1;
      packets[(count + 1) | 0] = packet1;
      offsets[(count + 1) | 0] = Math.imul(packet1, STRIDE) + HEADROOM;

      const fresh2 = freeStack1[top];
      shadow2[next] = fresh2;
      addresses2[half] = addresses[fresh2];
      lengths2[word] = bufferLength;
      idFlags2[word] = rearmed + 2;
      lengths[packet2] = written2;
      packets[(count + 2) | 0] = packet2;
      offsets[(count + 2) | 0] = Math.imul(packet2, STRIDE) + HEADROOM;

      const fresh3 = freeStack0[top];
      shadow3[next] = fresh3;
      addresses3[half] = addresses[fresh3];
      lengths3[word] = bufferLength;
      idFlags3[word] = rearmed + 3;
      lengths[packet3] = written3;
      packets[(count + 3) | 0] = packet3;
      offsets[(count + 3) | 0] = Math.imul(packet3, STRIDE) + HEADROOM;
      count = (count + 4) | 0;
      next = (next + 4) | 0;
    }
    if (next === size) {
      next = 0;
      lap ^= IN_USE;
    }

    while (seen < budget) {
      const word = next << 2;
      const used = descriptors[word + ID_FLAGS];
      if (((used ^ lap) & IN_USE) !== 0) break;
      const id = used & mask;
      const length = (descriptors[word + LENGTH] - headerBytes) | 0;
      if ((used & noId) !== 0 || (length - 1) >>> 0 >= maximumLength) break;
      if (inOrder && id !== next) break;
      const packet = shadow[id];
      if (headersMatter && !isUsual(packet, headers, offloads)) break;
      top = (top - 1) | 0;
      const fresh = freeStack[top];
      shadow[id] = fresh;
      descriptors64[next << 1] = addresses[fresh];
      descriptors[word + LENGTH] = bufferLength;
      descriptors[word + ID_FLAGS] = WRITE | (lap ^ AVAIL) | id;
      lengths[packet] = length;
      packets[count] = packet;
      offsets[count] = Math.imul(packet, STRIDE) + HEADROOM;
      bytes = (bytes + length) | 0;
      count = (count + 1) | 0;
      seen = (seen + 1) | 0;
      next = (next + 1) & mask;
      if (next === 0) lap ^= IN_USE;
    }
    if (seen > 0) {
      batch.length = count;
      poolState[POOL_TOP] = top;
      state[NEXT] = next;
      state[NEXT_WRAP] = lap;
      state[AVAILABLE] = next;
      state[AVAILABLE_WRAP] = WRITE | (lap ^ AVAIL);
      totals[PACKETS] += seen;
      totals[BYTES] += bytes;
      const pending = (state[PENDING] + seen) | 0;
      state[PENDING] = pending;
      if (pending >= announced) kick();
    }
    const more = !isWhole || ((descriptors[(next << 2) + ID_FLAGS] ^ lap) & IN_USE) === 0;
    return more && count < capacity ? (seen + unusual(batch)) | 0 : seen;
  };
}
