/** The receive burst for jumbo frames. Its factory is copied for each queue (see specialise.ts): it uses its parameters only. */
import type { Receive, RxContext } from './rx-context.ts';

/**
 * For frames that may spread over several buffers (82599 datasheet 7.1.6.2, EOP): they become chains. A frame with a bad
 * segment, or more of them than any frame has, is dropped whole, and counted once. A buffer that is not full ends its frame
 * even if the device does not say so: such a frame is bad, but not the one after it.
 */
export function makeScatteredReceive(context: RxContext, rearm: () => void): Receive {
  const { links: $links, lengths: $lengths, ring: $ring, shadow: $shadow, state: $state } = context;
  const { pool, poolState: $poolState, size, block, maximumLength, maximumSegments } = context;
  const { DD, EOP, ERRORS, STATUS, LENGTH, LENGTH_MASK, STRIDE, HEADROOM, NO_PACKET } = context.constants;
  const { NEXT, EMPTY, BAD_FRAMES, CHAIN_HEAD, CHAIN_TAIL, CHAIN_SEGMENTS, SKIPPING, POOL_SPECIAL } = context.constants;
  const mask = size - 1;

  const drop = (packet: number, state: Int32Array): void => {
    if (state[CHAIN_HEAD] !== NO_PACKET) pool.reclaim(state[CHAIN_HEAD]);
    pool.reclaim(packet);
    state[CHAIN_HEAD] = NO_PACKET;
    state[CHAIN_SEGMENTS] = 0;
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
      const segments = state[CHAIN_SEGMENTS] + 1;
      const good = last
        ? (status & ERRORS) === 0 && (length - 1) >>> 0 < maximumLength && segments <= maximumSegments
        : length === maximumLength && segments < maximumSegments;
      if (!good) {
        drop(packet, state);
        if (!last && length >= maximumLength) state[SKIPPING] = 1;
        continue;
      }
      lengths[packet] = length;
      const head = state[CHAIN_HEAD];
      if (head === NO_PACKET) {
        state[CHAIN_HEAD] = packet;
      } else {
        links[state[CHAIN_TAIL]] = packet;
        $poolState[POOL_SPECIAL]++;
      }
      state[CHAIN_TAIL] = packet;
      state[CHAIN_SEGMENTS] = segments;
      if (!last) continue;
      const whole = state[CHAIN_HEAD];
      state[CHAIN_HEAD] = NO_PACKET;
      state[CHAIN_SEGMENTS] = 0;
      packets[count] = whole;
      offsets[count] = Math.imul(whole, STRIDE) + HEADROOM;
      count = (count + 1) | 0;
    }
    batch.length = count;
    state[NEXT] = next;
    state[EMPTY] = (empty + seen) | 0;
    if (empty + seen >= block << 1) rearm();
    return count - first;
  };
}
