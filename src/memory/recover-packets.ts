/** What becomes of the packets of a thread that has ended, at whatever point. */
import { DEFAULT_HEADROOM } from './packet-slots.ts';
import { NO_PACKET, POOL_MOVED, POOL_SPECIAL, POOL_TOP } from './pool-state.ts';
import type { PoolPart } from './pool-tables.ts';

/**
 * Makes all packets free that the member has, except those that are `published` in rings (not 0), whatever its free list
 * said: it may have died between any two stores. Returns how many were not free before.
 */
export function reclaimAll({ tables, membership }: PoolPart, published: Uint8Array): number {
  const { stack, state } = tables;
  const { holder, member } = membership;
  const wasFree = new Uint8Array(holder.length);
  for (let i = 0; i < state[POOL_TOP]; i++) wasFree[stack[i]] = 1;
  let top = 0;
  let recovered = 0;
  for (let packet = holder.length - 1; packet >= 0; packet--) {
    if (holder[packet] !== member || published[packet] !== 0) continue;
    tables.headroom[packet] = DEFAULT_HEADROOM;
    tables.next[packet] = NO_PACKET;
    tables.offloads[packet] = 0;
    stack[top++] = packet;
    if (wasFree[packet] === 0) recovered++;
  }
  state[POOL_TOP] = top;
  state[POOL_MOVED] = 0;
  state[POOL_SPECIAL] = 0;
  return recovered;
}
