/**
 * The internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * A *sum* here is a ones' complement sum folded to 16 bits; a *checksum* is its complement, as it stands in a header.
 * Sums of adjacent ranges add up, as long as each range but the last has an even length.
 */

/** Folds a sum below 2^32 to 16 bits, end-around carries included. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The largest range whose words add up below 2^31 on top of a folded sum, so that the loops stay in int32. */
const BLOCK_BYTES = 0x8000;

/**
 * Adds the 16-bit words of `bytes[offset … offset+length-1]` to `sum` (0 … 0xffff) and returns the folded result. An odd
 * last byte counts as the high half of a word. The range is not checked.
 */
export function sumBytes(bytes: Uint8Array, offset: number, length: number, sum = 0): number {
  let total = sum;
  let position = offset;
  for (let left = length; left > 0; left -= BLOCK_BYTES) {
    const block = Math.min(left, BLOCK_BYTES);
    total = sumBlock(bytes, position, block, total);
    position += block;
  }
  return total;
}

function sumBlock(bytes: Uint8Array, offset: number, length: number, sum: number): number {
  let high = 0;
  let low = 0;
  let i = offset;
  const end = offset + length;
  for (const unrolled = end - 7; i < unrolled; i += 8) {
    high += bytes[i] + bytes[i + 2] + bytes[i + 4] + bytes[i + 6];
    low += bytes[i + 1] + bytes[i + 3] + bytes[i + 5] + bytes[i + 7];
  }
  for (const even = end - 1; i < even; i += 2) {
    high += bytes[i];
    low += bytes[i + 1];
  }
  if (i < end) high += bytes[i];
  return foldSum((high << 8) + low + sum);
}

/** Adds a 32-bit value (signed or unsigned) as two words to `sum`, which may exceed 16 bits; not folded. */
export function addWord32(sum: number, value: number): number {
  return sum + (value >>> 16) + (value & 0xffff);
}

/** Checksum of a range on top of `sum`, for instance of a pseudo-header. 0 if a stored checksum in it is right. */
export function internetChecksum(bytes: Uint8Array, offset: number, length: number, sum = 0): number {
  return ~sumBytes(bytes, offset, length, sum) & 0xffff;
}

/**
 * Sum of the pseudo-header for a transport over the IPv4 header at `offset` (RFC 9293, section 3.1). `length`: bytes of
 * transport header and data, below 2^16.
 */
export function pseudoHeaderSum4(bytes: Uint8Array, offset: number, protocol: number, length: number): number {
  return sumBytes(bytes, offset + 12, 8, foldSum(protocol + length));
}

/**
 * Sum of the pseudo-header for a transport over the IPv6 header at `offset` (RFC 8200, section 8.1). `protocol` is that
 * of the transport, behind any extension headers; with a routing header the destination is the final one, which this
 * function does not look up.
 */
export function pseudoHeaderSum6(bytes: Uint8Array, offset: number, protocol: number, length: number): number {
  return sumBytes(bytes, offset + 8, 32, foldSum(addWord32(protocol, length)));
}

/**
 * The checksum after one 16-bit word of the data changed from `before` to `after` (RFC 1624, equation 3): equal to a new
 * calculation wherever any word of the data, pseudo-header included, is not zero, which holds for all IP packets.
 */
export function updateChecksum16(checksum: number, before: number, after: number): number {
  return ~foldSum((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff;
}

/** `updateChecksum16` for two adjacent words; values may be signed or unsigned. */
export function updateChecksum32(checksum: number, before: number, after: number): number {
  return ~foldSum(addWord32(addWord32(~checksum & 0xffff, ~before), after)) & 0xffff;
}

/** A calculated UDP checksum as it is stored: 0 would mean "none" and becomes 0xffff (RFC 768). */
export function udpChecksum(calculated: number): number {
  return calculated === 0 ? 0xffff : calculated;
}
