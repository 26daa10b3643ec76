/** Transport checksums that an application left to whoever sends, completed in software. */
import { foldSum, sumBytes } from '../packets/checksum.ts';
import { CHECKSUM_PARTIAL, NO_PACKET, type PacketPool } from './packet-pool.ts';

/** Whether the packet's checksum has been left open. */
export function hasOpenChecksum(pool: PacketPool, packet: number): boolean {
  return (pool.offloads[packet] & CHECKSUM_PARTIAL) !== 0;
}

/** Whether an open checksum lies within the packet's first segment; it may have been trimmed since it was asked for. */
export function checksumIsInside(pool: PacketPool, packet: number): boolean {
  return pool.checksumStart[packet] + pool.checksumOffset[packet] + 2 <= pool.length[packet];
}

/**
 * Sums up everything from where the checksum begins to the packet's end, over all segments, and writes it to its field,
 * which holds the sum of the pseudo header so far. It must lie inside. A checksum of 0 becomes 0xffff, which is equal, as 0
 * means none to UDP.
 */
export function completeChecksum(pool: PacketPool, packet: number): void {
  const { bytes, next, length } = pool;
  const begin = pool.offset(packet) + pool.checksumStart[packet];
  const field = begin + pool.checksumOffset[packet];
  let total = length[packet] - pool.checksumStart[packet];
  let sum = sumBytes(bytes, begin, total);
  for (let segment = next[packet]; segment !== NO_PACKET; segment = next[segment]) {
    const part = sumBytes(bytes, pool.offset(segment), length[segment]);
    // Behind an odd number of bytes, all bytes are the other half of their words.
    sum = foldSum(sum + ((total & 1) === 0 ? part : swapBytes(part)));
    total += length[segment];
  }
  const checksum = ~sum & 0xffff || 0xffff;
  bytes[field] = checksum >> 8;
  bytes[field + 1] = checksum;
  pool.clearOpenChecksum(packet);
}

/**
 * For packets that no device completes: completes the checksum, if it has been left open. False if it does not lie inside of
 * the packet, so that nobody can.
 */
export function closeChecksum(pool: PacketPool, packet: number): boolean {
  if (!hasOpenChecksum(pool, packet)) return true;
  if (!checksumIsInside(pool, packet)) return false;
  completeChecksum(pool, packet);
  return true;
}

function swapBytes(word: number): number {
  return ((word & 0xff) << 8) | (word >> 8);
}
