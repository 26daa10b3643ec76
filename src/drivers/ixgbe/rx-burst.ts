/**
 * The receive burst: the hot path of every packet that arrives.
 *
 * Software keeps its own positions and learns of completion from the descriptors alone (82599 datasheet 7.1.6.2, DD); no
 * register is ever read. Empty descriptors are re-armed a block at a time, straight from the pool's free stack, and the
 * doorbell rings once for all of them.
 *
 * The factories are copied for each queue (see specialise.ts), so they use their parameter only.
 */
import type { Receive, RxContext } from './rx-context.ts';

/**
 * Arms empty descriptors block by block, keeping one block empty, and rings the doorbell once. Where the pool is short the
 * ring stays as it is, and the next burst tries again.
 */
export function makeRearm(context: RxContext): () => void {
  const { poolState: $poolState, freeStack: $freeStack, addresses: $addresses } = context;
  const { ring64: $ring64, shadow: $shadow, state: $state, doorbells: $doorbells } = context;
  const { POOL_TOP, EMPTY, TAIL, NO_BUFFER } = context.constants;
  const { block, doorbell } = context;
  const mask = context.size - 1;

  return function rearm() {
    // V8 makes captured arrays constants where they are loaded ahead of all loops.
    const poolState = $poolState;
    const freeStack = $freeStack;
    const addresses = $addresses;
    const ring64 = $ring64;
    const shadow = $shadow;
    const state = $state;
    const doorbells = $doorbells;

    let top = poolState[POOL_TOP];
    let empty = state[EMPTY];
    const oldTail = state[TAIL] & mask;
    let tail = oldTail;
    while (empty >= block << 1 && top >= block) {
      for (let i = tail, end = (tail + block) | 0; i < end; i = (i + 1) | 0) {
        top = (top - 1) | 0;
        const packet = freeStack[top];
        shadow[i] = packet;
        const half = i << 1;
        ring64[half] = addresses[packet];
        ring64[half + 1] = 0; // the header address, in which DD will appear
      }
      tail = (tail + block) & mask;
      empty = (empty - block) | 0;
    }
    if (empty >= block << 1) state[NO_BUFFER]++;
    if (tail === oldTail) return;
    poolState[POOL_TOP] = top;
    state[EMPTY] = empty;
    state[TAIL] = tail;
    doorbells[doorbell] = tail;
  };
}

/** For frames that fit into one buffer each; anything else is dropped and counted. */
export function makeReceive(context: RxContext, rearm: () => void): Receive {
  const { poolState: $poolState, freeStack: $freeStack, lengths: $lengths, ring: $ring, shadow: $shadow } = context;
  const { pool, state: $state, size, block, maximumLength } = context;
  const { DD, EOP, WHOLE, STATUS, LENGTH, LENGTH_MASK, STRIDE, HEADROOM, POOL_TOP } = context.constants;
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

    // Four at a time while four good frames are there: what V8 checks before it touches an array, it checks once for four.
    while (seen + 4 <= budget && next + 4 <= size) {
      const descriptor = next << 2;
      const status0 = ring[descriptor + STATUS];
      const status1 = ring[descriptor + 4 + STATUS];
      const status2 = ring[descriptor + 8 + STATUS];
      const status3 = ring[descriptor + 12 + STATUS];
      if ((status0 & status1 & status2 & status3 & DD) === 0) break;
      if (((status0 & WHOLE) ^ EOP) | ((status1 & WHOLE) ^ EOP) | ((status2 & WHOLE) ^ EOP) | ((status3 & WHOLE) ^ EOP))
        break;
      const length0 = ring[descriptor + LENGTH] & LENGTH_MASK;
      const length1 = ring[descriptor + 4 + LENGTH] & LENGTH_MASK;
      const length2 = ring[descriptor + 8 + LENGTH] & LENGTH_MASK;
      const length3 = ring[descriptor + 12 + LENGTH] & LENGTH_MASK;
      if ((length0 - 1) >>> 0 >= maximumLength || (length1 - 1) >>> 0 >= maximumLength) break;
      if ((length2 - 1) >>> 0 >= maximumLength || (length3 - 1) >>> 0 >= maximumLength) break;
      const packet0 = shadow[next];
      const packet1 = shadow[next + 1];
      const packet2 = shadow[next + 2];
      const packet3 = shadow[next + 3];
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
      count = (count + 4) | 0;
      seen = (seen + 4) | 0;
      next = (next + 4) & mask;
    }

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
    if (empty + seen >= block << 1) rearm();
    return count - first;
  };
}
