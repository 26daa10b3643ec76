/**
 * What receive bursts leave: frames in several buffers, or without their checksum, groups of buffers that were used in order,
 * and all that is wrong. The same for either ring format, which says what the device has used. The factory is copied for each
 * queue (see specialise.ts): it uses its parameters only.
 */
import type { RingFault } from './ring-fault.ts';
import type { Receive, RxContext } from './rx-context.ts';

/** Buffers that a device has used, oldest first, as a ring's format tells of them. */
export interface UsedBuffers {
  /** How many have been used and not been taken, as far as anybody wants to know; never more than the device had. */
  ready(limit: number): number;
  /**
   * Id of the next of those that are ready, its bytes in `WRITTEN`; -1 if the device does not have what it says it used. The
   * device can still write where this reads: look once, and go by what was found.
   */
  look(): number;
  /** Takes the buffer last looked at from the device; returns its packet. */
  take(id: number): number;
  /** What the last `look` read that found no buffer: the id that the device has written. */
  culprit(): number;
}

/**
 * Goes on receiving where a burst stopped, one frame at a time.
 *
 * With MRG_RXBUF a frame's buffers become a chain (virtio 1.2, section 5.1.6.4); only its first one has a header, and the
 * data of the others begins that much earlier. A frame with a bad header or an impossible length, or in more buffers than
 * any frame takes, is dropped whole and counted once. All buffers of a frame are used together (5.1.6.4.1): where there are
 * fewer than its header says, nobody knows where the next frame begins.
 */
export function makeFrameReceive(context: RxContext, buffers: UsedBuffers, replace: () => void): Receive {
  const { pool, poolState, lengths, links, headrooms, offloads, checksumStarts, checksumOffsets } = context;
  const { state, totals, shadow, headers, fail, mergeable, receiveChecksum } = context;
  const { headerBytes, maximumLength, maximumSegments } = context;
  const { STRIDE, HEADROOM, NO_PACKET, POOL_MOVED, POOL_SPECIAL } = context.constants;
  const { BAD_FRAMES, WRITTEN, PACKETS, BYTES, PARTIAL, VERIFIED, NEEDS_CHECKSUM, DATA_VALID } = context.constants;
  const { CHECKSUM_START, CHECKSUM_OFFSET, NUMBER_OF_BUFFERS } = context.constants;
  const headerOffset = (HEADROOM - headerBytes) >> 1;

  /** Appends a buffer without header to a chain. */
  const append = (last: number, packet: number): void => {
    links[last] = packet;
    headrooms[packet] = HEADROOM - headerBytes;
    poolState[POOL_MOVED]++;
    poolState[POOL_SPECIAL]++;
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
    poolState[POOL_SPECIAL]++;
    return true;
  };

  /**
   * Takes a frame's buffers, of which `first` has just been looked at, and links them; its bytes, 0 if they make no frame,
   * -1 if the device does not have one.
   */
  const gather = (first: number, segments: number): number => {
    let good = segments <= maximumSegments;
    let total = 0;
    let last: number = NO_PACKET;
    for (let taken = 0; taken < segments; taken++) {
      const id = taken === 0 ? first : buffers.look();
      if (id < 0) return -1;
      const packet = buffers.take(id);
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

  return function receiveFrames(batch) {
    if (batch.pool !== pool) batch.adopt(pool);
    const { packets, offsets, capacity } = batch;
    const first = batch.length;
    let count = first;
    let bytes = 0;
    let fault: RingFault | undefined;
    let culprit = 0;
    while (count < capacity && buffers.ready(1) > 0) {
      const id = buffers.look();
      if (id < 0) {
        fault = 'id';
        break;
      }
      // Read once: the device can still write here.
      const head = shadow[id];
      const header = Math.imul(head, STRIDE >> 1) + headerOffset;
      const flags = headers[header] & 0xff;
      const start = headers[header + CHECKSUM_START];
      const offset = headers[header + CHECKSUM_OFFSET];
      const segments = mergeable && state[WRITTEN] >= headerBytes ? headers[header + NUMBER_OF_BUFFERS] : 1;
      if (segments > 1 && buffers.ready(segments) < segments) {
        fault = 'buffers';
        culprit = segments;
        break;
      }
      const length = gather(id, Math.max(1, segments));
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
    if (fault) fail(fault, fault === 'id' ? buffers.culprit() : culprit);
    else replace();
    return count - first;
  };
}
