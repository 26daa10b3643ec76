/** Receive bursts that hand on what the NIC hashed. The factory is copied for each queue (see specialise.ts): it uses its parameters only. */
import type { Receive, RxContext } from './rx-context.ts';

/**
 * `receive`, and then a second look at the descriptors that it took, for their hashes (82599 datasheet 7.1.6.2): the bursts
 * that read no hash stay as they are. `receive` must not arm descriptors; that is done here, behind the look.
 */
export function makeHashedReceive(context: RxContext, receive: Receive, rearm: () => void): Receive {
  const { hashes: $hashes, links: $links, ring: $ring, shadow: $shadow, state: $state } = context;
  const { RSS_TYPE, RSS_TYPE_MASK, RSS_TYPES, RSS_HASH, NEXT, EMPTY, NO_PACKET } = context.constants;
  const { block, maximumSegments } = context;
  const mask = context.size - 1;

  return function receiveHashed(batch) {
    const hashes = $hashes;
    const links = $links;
    const ring = $ring;
    const shadow = $shadow;
    const state = $state;

    let next = state[NEXT] & mask;
    const before = state[EMPTY];
    const received = receive(batch);
    const empty = state[EMPTY];
    for (let i = before; i < empty; i = (i + 1) | 0) {
      const descriptor = next << 2;
      const hashed = (RSS_TYPES >>> (ring[descriptor + RSS_TYPE] & RSS_TYPE_MASK)) & 1;
      hashes[shadow[next]] = ring[descriptor + RSS_HASH] & -hashed;
      next = (next + 1) & mask;
    }
    if (maximumSegments > 1) {
      // Of a frame in several buffers, the last descriptor has the hash.
      const packets = batch.packets;
      for (let i = (batch.length - received) | 0, end = batch.length; i < end; i = (i + 1) | 0) {
        let last = packets[i];
        while (links[last] !== NO_PACKET) last = links[last];
        hashes[packets[i]] = hashes[last];
      }
    }
    if (empty >= block << 1) rearm();
    return received;
  };
}
