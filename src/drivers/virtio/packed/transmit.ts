/**
 * The transmit burst of packed rings: the hot path of every packet that leaves (virtio 1.2, sections 2.8.21 and 5.1.6.2).
 *
 * A packet's virtio header lies in its headroom, so that both are one buffer. Sent packets are taken back all together, and
 * only when the ring or the pool runs short; the device never interrupts for them. The factories are copied for each queue
 * and pool (see specialise.ts): they use their parameters only.
 */
import type { FourViews } from '../four-views.ts';
import type { Transmit, TxSource, TxTables } from '../tx-context.ts';
import type { PackedRing } from './context.ts';

export type PackedTxTables = TxTables & PackedRing;

export interface PackedTxContext extends PackedTxTables, TxSource {
  /** Four packets at a time of the pool's free stack, by the index of the lowest. */
  readonly fourFree: FourViews<Int32Array>;
  /** The two words of 8 bytes in which packets' headers lie, equally long as views: both by the word where a slot begins. */
  readonly headerBegins: Float64Array;
  readonly headerEnds: Float64Array;
}

/** Gives what has been sent back to the pool: frames in one piece, all of this pool. Returns how many descriptors are free. */
export function makePackedTakeBack(context: PackedTxContext): () => number {
  const { poolState: $poolState, freeStack: $freeStack, shadow: $shadow, order: $order, state: $state } = context;
  const { descriptors: $descriptors, size, inOrder, fail } = context;
  const { POOL_TOP, NO_PACKET, NEXT, NEXT_WRAP, FREE } = context.constants;
  const { ID_FLAGS, ID_MASK, IN_USE } = context.packed;
  const [$idFlags0, $idFlags1, $idFlags2, $idFlags3] = context.four.idFlags;
  const [$order0, $order1, $order2, $order3] = context.four.order;
  const [$freeStack0, $freeStack1, $freeStack2, $freeStack3] = context.fourFree;
  const mask = size - 1;
  /** Bits that no id has. */
  const noId = ID_MASK & ~mask;

  return function takeBack() {
    const poolState = $poolState;
    const freeStack = $freeStack;
    const shadow = $shadow;
    const order = $order;
    const state = $state;
    const descriptors = $descriptors;
    const idFlags0 = $idFlags0;
    const idFlags1 = $idFlags1;
    const idFlags2 = $idFlags2;
    const idFlags3 = $idFlags3;
    const order0 = $order0;
    const order1 = $order1;
    const order2 = $order2;
    const order3 = $order3;
    const freeStack0 = $freeStack0;
    const freeStack1 = $freeStack1;
    const freeStack2 = $freeStack2;
    const freeStack3 = $freeStack3;

    let free = state[FREE];
    let next = state[NEXT] & mask;
    let lap = state[NEXT_WRAP];
    let top = poolState[POOL_TOP];
    let fault = -1;
    // Four at a time while the device has used four buffers in the places where it got them.
    while (!inOrder && free + 4 <= size && next + 4 <= size) {
      const word = next << 2;
      const id0 = order0[next];
      const id1 = order1[next];
      const id2 = order2[next];
      const id3 = order3[next];
      const wrong0 = idFlags0[word] ^ (lap | id0);
      const wrong1 = idFlags1[word] ^ (lap | id1);
      const wrong2 = idFlags2[word] ^ (lap | id2);
      const wrong3 = idFlags3[word] ^ (lap | id3);
      if (((wrong0 | wrong1 | wrong2 | wrong3) & (IN_USE | ID_MASK)) !== 0) break;
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
      freeStack0[top] = packet0;
      freeStack1[top] = packet1;
      freeStack2[top] = packet2;
      freeStack3[top] = packet3;
      top = (top + 4) | 0;
      free = (free + 4) | 0;
      next = (next + 4) & mask;
      if (next === 0) lap ^= IN_USE;
    }

    while (free < size) {
      const used = descriptors[(next << 2) + ID_FLAGS];
      if (((used ^ lap) & IN_USE) !== 0) break;
      // In order, a descriptor may stand for all buffers up to the one it names (2.8.10).
      const group = inOrder ? ((used - next) & mask) + 1 : 1;
      if ((used & noId) !== 0 || group > size - free || shadow[used & mask] < 0) {
        fault = used & ID_MASK;
        break;
      }
      for (let i = 0; i < group; i = (i + 1) | 0) {
        const id = inOrder ? next : used & mask;
        freeStack[top] = shadow[id];
        top = (top + 1) | 0;
        shadow[id] = NO_PACKET;
        order[next] = id;
        next = (next + 1) & mask;
        if (next === 0) lap ^= IN_USE;
      }
      free = (free + group) | 0;
    }
    poolState[POOL_TOP] = top;
    state[NEXT] = next;
    state[NEXT_WRAP] = lap;
    state[FREE] = free;
    if (fault < 0) return free;
    fail('id', fault);
    return 0;
  };
}

export function makePackedTransmit(context: PackedTxContext, takeBack: () => number, kick: () => void): Transmit {
  const { poolState: $poolState, lengths: $lengths, addresses: $addresses } = context;
  const { descriptors: $descriptors, descriptors64: $descriptors64, order: $order } = context;
  const { headerBegins: $headerBegins, headerEnds: $headerEnds, shadow: $shadow } = context;
  const { state: $state, totals: $totals, size, pool, otherwise, leftover, headerBytes } = context;
  const { POOL_TOP, POOL_MOVED, POOL_SPECIAL, MINIMUM, RESERVE, STRIDE64 } = context.constants;
  const { AVAILABLE, AVAILABLE_WRAP, FREE, PENDING, PACKETS, BYTES } = context.constants;
  const { LENGTH, ID_FLAGS, IN_USE } = context.packed;
  const [$idFlags0, $idFlags1, $idFlags2, $idFlags3] = context.four.idFlags;
  const [$lengths0, $lengths1, $lengths2, $lengths3] = context.four.lengths;
  const [$addresses0, $addresses1, $addresses2, $addresses3] = context.four.addresses;
  const [$order0, $order1, $order2, $order3] = context.four.order;
  const lengthRange = context.maximumLength - MINIMUM;
  const mask = size - 1;

  return function transmit(batch) {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const lengths = $lengths;
    const addresses = $addresses;
    const descriptors = $descriptors;
    const descriptors64 = $descriptors64;
    const order = $order;
    const headerBegins = $headerBegins;
    const headerEnds = $headerEnds;
    const shadow = $shadow;
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
    const order0 = $order0;
    const order1 = $order1;
    const order2 = $order2;
    const order3 = $order3;

    if (batch.pool !== pool || (poolState[POOL_MOVED] | poolState[POOL_SPECIAL]) !== 0) return otherwise(batch);
    const wanted = batch.length | 0;
    let count = wanted;
    if (state[FREE] < count + RESERVE || poolState[POOL_TOP] < RESERVE) {
      const room = takeBack();
      if (count > room) count = room | 0;
    }

    const packets = batch.packets;
    let place = state[AVAILABLE] & mask;
    let flags = state[AVAILABLE_WRAP];
    let queued = 0;
    let bytes = 0;

    // Four at a time while four fit: what V8 checks before it touches an array, it checks once for four.
    const beforeEnd = Math.min(count, size - place) | 0;
    while (((queued + 4) | 0) <= beforeEnd) {
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
      const half = place << 1;
      const word = place << 2;

      const id0 = order0[place];
      const slot0 = Math.imul(packet0, STRIDE64);
      headerBegins[slot0] = 0;
      headerEnds[slot0] = 0;
      shadow[id0] = packet0;
      addresses0[half] = addresses[packet0];
      lengths0[word] = length0 + headerBytes;
      idFlags0[word] = flags | id0; // last: with it the buffer is the device's

      const id1 = order1[place];
      const slot1 = Math.imul(packet1, STRIDE64);
      headerBegins[slot1] = 0;
      headerEnds[slot1] = 0;
      shadow[id1] = packet1;
      addresses1[half] = addresses[packet1];
      lengths1[word] = length1 + headerBytes;
      idFlags1[word] = flags | id1;

      const id2 = order2[place];
      const slot2 = Math.imul(packet2, STRIDE64);
      headerBegins[slot2] = 0;
      headerEnds[slot2] = 0;
      shadow[id2] = packet2;
      addresses2[half] = addresses[packet2];
      lengths2[word] = length2 + headerBytes;
      idFlags2[word] = flags | id2;

      const id3 = order3[place];
      const slot3 = Math.imul(packet3, STRIDE64);
      headerBegins[slot3] = 0;
      headerEnds[slot3] = 0;
      shadow[id3] = packet3;
      addresses3[half] = addresses[packet3];
      lengths3[word] = length3 + headerBytes;
      idFlags3[word] = flags | id3;

      bytes = (bytes + length0 + length1 + length2 + length3) | 0;
      queued = (queued + 4) | 0;
      place = (place + 4) | 0;
    }
    if (place === size) {
      place = 0;
      flags ^= IN_USE;
    }

    while (queued < count) {
      const packet = packets[queued];
      const length = lengths[packet];
      if ((length - MINIMUM) >>> 0 > lengthRange) break;
      const id = order[place] & mask;
      const slot = Math.imul(packet, STRIDE64);
      headerBegins[slot] = 0;
      headerEnds[slot] = 0;
      shadow[id] = packet;
      descriptors64[place << 1] = addresses[packet];
      descriptors[(place << 2) + LENGTH] = length + headerBytes;
      descriptors[(place << 2) + ID_FLAGS] = flags | id;
      bytes = (bytes + length) | 0;
      queued = (queued + 1) | 0;
      place = (place + 1) & mask;
      if (place === 0) flags ^= IN_USE;
    }
    if (queued > 0) {
      state[FREE] -= queued;
      totals[PACKETS] += queued;
      totals[BYTES] += bytes;
      state[AVAILABLE] = place;
      state[AVAILABLE_WRAP] = flags;
      state[PENDING] = queued;
      kick();
    }
    if (queued !== wanted) return leftover(batch, queued);
    batch.length = 0;
    return queued;
  };
}
