/**
 * What the receive burst of split rings leaves: frames in several buffers, or without their checksum, groups of buffers that
 * were used in order, and all that is wrong. Its factory is copied for each queue (see specialise.ts): it uses its
 * parameters only.
 */
import type { RingFault } from './ring-fault.ts';
import type { Receive } from './rx-context.ts';
import type { SplitRxContext } from './split-receive.ts';

/**
 * Goes on receiving where the burst stopped, one frame at a time.
 *
 * With MRG_RXBUF a frame's buffers become a chain (virtio 1.2, section 5.1.6.4); only its first one has a header, and the
 * data of the others begins that much earlier. A frame with a bad header or an impossible length, or in more buffers than
 * any frame takes, is dropped whole and counted once; one whose buffers have not all been used yet waits.
 *
 * With IN_ORDER the device may write one element for a group of buffers, which names the last of them; the others have then
 * been filled completely (2.7.9).
 */
export function makeSplitUnusual(context: SplitRxContext, refill: () => void): Receive {
  const { pool, poolState, lengths, links, headrooms, offloads, checksumStarts, checksumOffsets } = context;
  const { used, used16, order, state, totals, shadow, headers, fail } = context;
  const { size, pairs, inOrder, mergeable, receiveChecksum, headerBytes, maximumLength, maximumSegments, block } =
    context;
  const { STRIDE, HEADROOM, NO_PACKET, POOL_MOVED, POOL_SPECIAL, NEXT, AVAILABLE } = context.constants;
  const { BAD_FRAMES, GROUP, GROUP_LENGTH, WRITTEN, PACKETS, BYTES } = context.constants;
  const { PARTIAL, VERIFIED, NEEDS_CHECKSUM, DATA_VALID } = context.constants;
  const { CHECKSUM_START, CHECKSUM_OFFSET, NUMBER_OF_BUFFERS } = context.constants;
  const { USED_INDEX, USED_ID } = context.split;
  const mask = size - 1;
  const buffers = pairs ? size >> 1 : size;
  const orderMask = buffers - 1;
  const noId = pairs ? ~mask | 1 : ~mask;
  const headerOffset = (HEADROOM - headerBytes) >> 1;

  /** The buffer that was used as number `next`, its bytes in WRITTEN; -1 if the device does not have it. */
  const look = (next: number, ready: number): number => {
    const element = USED_ID + ((next & mask) << 1);
    if (!inOrder) {
      const id = used[element];
      if ((id & noId) !== 0 || shadow[id & mask] < 0) return -1;
      state[WRITTEN] = used[element + 1];
      return id;
    }
    const id = order[next & mask];
    if (state[GROUP] === 0) {
      const last = used[element];
      const group = ((last - id) & mask) + 1;
      if ((last & noId) !== 0 || group > ready) return -1;
      state[GROUP] = group;
      state[GROUP_LENGTH] = used[element + 1];
    }
    state[WRITTEN] = state[GROUP] === 1 ? state[GROUP_LENGTH] : headerBytes + maximumLength;
    return id;
  };

  /** Takes the buffer from the device. */
  const take = (id: number): number => {
    const packet = shadow[id];
    const next = state[NEXT];
    shadow[id] = NO_PACKET;
    order[next & orderMask] = id;
    state[NEXT] = (next + 1) & 0xffff;
    if (inOrder) state[GROUP]--;
    return packet;
  };

  /** Appends a buffer without header to a chain. */
  const append = (last: number, packet: number): void => {
    links[last] = packet;
    headrooms[packet] = HEADROOM - headerBytes;
    poolState[POOL_MOVED]++;
    poolState[POOL_SPECIAL] = 1;
  };

  /** Makes the header's words on checksums the packet's; false if they point outside of it. */
  const noteChecksum = (packet: number, flags: number, start: number, offset: number): boolean => {
    if ((flags & NEEDS_CHECKSUM) === 0) {
      offloads[packet] = (flags & DATA_VALID) !== 0 ? VERIFIED : 0;
      return true;
    }
    if (start + offset + 2 > lengths[packet]) return false;
    checksumStarts[packet] = start;
    checksumOffsets[packet] = offset;
    offloads[packet] = PARTIAL;
    poolState[POOL_SPECIAL] = 1;
    return true;
  };

  /** Takes a frame's buffers and links them; its bytes, 0 if they make no frame, -1 if the device does not have one. */
  const gather = (segments: number, ready: number): number => {
    let good = segments <= maximumSegments;
    let total = 0;
    let last: number = NO_PACKET;
    for (let taken = 0; taken < segments; taken++) {
      const id = look(state[NEXT], ready - taken);
      if (id < 0) return -1;
      const packet = take(id);
      const begin = last === NO_PACKET ? headerBytes : 0;
      const length = state[WRITTEN] - begin;
      const room = maximumLength + headerBytes - begin;
      const full = taken + 1 < segments; // all buffers but the last must be
      if (full ? length !== room : (length - 1) >>> 0 >= room) good = false;
      if (last !== NO_PACKET) append(last, packet);
      lengths[packet] = length;
      total += length;
      last = packet;
    }
    return good ? total : 0;
  };

  return function receiveUnusual(batch) {
    if (batch.pool !== pool) batch.adopt(pool);
    const { packets, offsets, capacity } = batch;
    const first = batch.length;
    const end = used16[USED_INDEX];
    const outstanding = (state[AVAILABLE] - state[NEXT]) & 0xffff;
    if (((end - state[NEXT]) & 0xffff) > outstanding) {
      fail('index', end);
      return 0;
    }
    let count = first;
    let bytes = 0;
    let fault: RingFault | undefined;
    let culprit = 0;
    while (count < capacity && state[NEXT] !== end) {
      const ready = (end - state[NEXT]) & 0xffff;
      const id = look(state[NEXT], ready);
      if (id < 0) {
        fault = 'id';
        break;
      }
      // Read once: the device can still write here.
      const head = shadow[id];
      const header = pairs ? id << 3 : Math.imul(head, STRIDE >> 1) + headerOffset;
      const flags = headers[header] & 0xff;
      const start = headers[header + CHECKSUM_START];
      const offset = headers[header + CHECKSUM_OFFSET];
      const segments = mergeable && state[WRITTEN] >= headerBytes ? headers[header + NUMBER_OF_BUFFERS] : 1;
      if (segments > ((state[AVAILABLE] - state[NEXT]) & 0xffff)) {
        fault = 'buffers';
        culprit = segments;
        break;
      }
      if (segments > ready) break;
      const length = gather(Math.max(1, segments), ready);
      if (length < 0) {
        pool.reclaim(head);
        fault = 'id';
        break;
      }
      if (length === 0 || segments === 0 || (receiveChecksum && !noteChecksum(head, flags, start, offset))) {
        pool.reclaim(head);
        state[BAD_FRAMES]++;
        continue;
      }
      packets[count] = head;
      offsets[count] = Math.imul(head, STRIDE) + HEADROOM;
      bytes += length;
      count = (count + 1) | 0;
    }
    batch.length = count;
    totals[PACKETS] += count - first;
    totals[BYTES] += bytes;
    if (fault) fail(fault, fault === 'id' ? used[USED_ID + ((state[NEXT] & mask) << 1)] : culprit);
    else if (((state[NEXT] + buffers - state[AVAILABLE]) & 0xffff) >= block) refill();
    return count - first;
  };
}
