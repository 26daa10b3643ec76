/** What the device has used of a split ring for receiving, one buffer at a time (virtio 1.2, sections 2.7.9 and 2.7.14). */
import type { UsedBuffers } from '../frame-receive.ts';
import type { SplitRxContext } from './receive.ts';

/**
 * With IN_ORDER the device may write one element for a group of buffers, which names the last of them; the others have then
 * been filled completely. Copied for each queue (see specialise.ts): it uses its parameter only.
 */
export function makeSplitUsed(context: SplitRxContext): UsedBuffers {
  const { used, used16, order, state, shadow, size, pairs, inOrder, headerBytes, maximumLength } = context;
  const { NO_PACKET, NEXT, AVAILABLE, GROUP, GROUP_LENGTH, WRITTEN } = context.constants;
  const { USED_INDEX, USED_ID } = context.split;
  const mask = size - 1;
  const orderMask = pairs ? mask >> 1 : mask;
  const noId = pairs ? ~mask | 1 : ~mask;
  let culprit = 0;

  /** The burst has looked whether the index can be right; it may have moved since. */
  const ready = (): number => {
    const next = state[NEXT];
    return Math.min((used16[USED_INDEX] - next) & 0xffff, (state[AVAILABLE] - next) & 0xffff);
  };

  return {
    ready,
    look() {
      const element = USED_ID + ((state[NEXT] & mask) << 1);
      if (!inOrder) {
        const id = used[element];
        if ((id & noId) !== 0 || shadow[id] === NO_PACKET) {
          culprit = id;
          return -1;
        }
        state[WRITTEN] = used[element + 1];
        return id;
      }
      const id = order[state[NEXT] & mask];
      if (state[GROUP] === 0) {
        const last = used[element];
        const group = ((last - id) & mask) + 1;
        if ((last & noId) !== 0 || group > ready()) {
          culprit = last;
          return -1;
        }
        state[GROUP] = group;
        state[GROUP_LENGTH] = used[element + 1];
      }
      state[WRITTEN] = state[GROUP] === 1 ? state[GROUP_LENGTH] : headerBytes + maximumLength;
      return id;
    },
    take(id) {
      const packet = shadow[id];
      const next = state[NEXT];
      shadow[id] = NO_PACKET;
      order[next & orderMask] = id;
      state[NEXT] = (next + 1) & 0xffff;
      if (inOrder) state[GROUP]--;
      return packet;
    },
    culprit: () => culprit,
  };
}
