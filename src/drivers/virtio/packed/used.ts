/** What the device has used of a packed ring for receiving, one buffer at a time (virtio 1.2, sections 2.8.10 and 2.8.22). */
import type { UsedBuffers } from '../frame-receive.ts';
import type { PackedRxContext } from './receive.ts';

/**
 * With IN_ORDER the device may write one descriptor for a group of buffers, which names the last of them; the others have then
 * been filled completely. Copied for each queue (see specialise.ts): it uses its parameter only.
 */
export function makePackedUsed(context: PackedRxContext): UsedBuffers {
  const { descriptors, order, state, shadow, size, inOrder, headerBytes, maximumLength } = context;
  const { NO_PACKET, NEXT, NEXT_WRAP, OUTSTANDING, GROUP, GROUP_LENGTH, WRITTEN } = context.constants;
  const { LENGTH, ID_FLAGS, ID_MASK, IN_USE } = context.packed;
  const mask = size - 1;
  let culprit = 0;

  /** The last word of the descriptor `distance` ahead of the next one; -1 if the device has not used it. */
  const usedAhead = (distance: number): number => {
    const place = state[NEXT] + distance;
    const lap = place < size ? state[NEXT_WRAP] : state[NEXT_WRAP] ^ IN_USE;
    const word = descriptors[((place & mask) << 2) + ID_FLAGS];
    return ((word ^ lap) & IN_USE) === 0 ? word & ID_MASK : -1;
  };

  /** Buffers up to the one named, from the one `distance` ahead of the next. In order, buffers stay in their places. */
  const groupUpTo = (id: number, distance: number): number => ((id - state[NEXT] - distance) & mask) + 1;

  return {
    ready(limit) {
      const most = Math.min(limit, state[OUTSTANDING]);
      let ready = inOrder ? state[GROUP] : 0;
      while (ready < most) {
        const id = usedAhead(ready);
        if (id < 0) break;
        ready += inOrder ? groupUpTo(id, ready) : 1;
      }
      return Math.min(ready, most);
    },
    look() {
      const place = state[NEXT];
      if (inOrder && state[GROUP] > 1) {
        state[WRITTEN] = headerBytes + maximumLength;
        return place;
      }
      if (inOrder && state[GROUP] === 1) {
        state[WRITTEN] = state[GROUP_LENGTH];
        return place;
      }
      const word = descriptors[(place << 2) + ID_FLAGS];
      const length = descriptors[(place << 2) + LENGTH];
      const id = word & ID_MASK;
      if (((word ^ state[NEXT_WRAP]) & IN_USE) !== 0 || id >= size || shadow[id] === NO_PACKET) {
        culprit = id;
        return -1;
      }
      if (!inOrder) {
        state[WRITTEN] = length;
        return id;
      }
      const group = groupUpTo(id, 0);
      state[GROUP] = group;
      state[GROUP_LENGTH] = length;
      state[WRITTEN] = group === 1 ? length : headerBytes + maximumLength;
      return place;
    },
    take(id) {
      const packet = shadow[id];
      const next = state[NEXT];
      shadow[id] = NO_PACKET;
      order[next] = id;
      state[NEXT] = (next + 1) & mask;
      if (state[NEXT] === 0) state[NEXT_WRAP] ^= IN_USE;
      state[OUTSTANDING]--;
      if (inOrder) state[GROUP]--;
      return packet;
    },
    culprit: () => culprit,
  };
}
