/** The hash of receive side scaling, bit by bit: a second opinion on the model's, which goes by tables. */

/**
 * For each bit of `input` that is set, the 32 bits of the key that begin at the same place, all added without carries
 * (Microsoft: RSS hashing functions). Unsigned.
 */
export function toeplitz(key: Uint8Array, input: Uint8Array): number {
  const bit = (bytes: Uint8Array, at: number): number => (bytes[at >>> 3] >>> (7 - (at & 7))) & 1;
  let hash = 0;
  for (let at = 0; at < 8 * input.length; at++) {
    if (bit(input, at) === 0) continue;
    let window = 0;
    for (let i = 0; i < 32; i++) window = (window << 1) | bit(key, at + i);
    hash ^= window;
  }
  return hash >>> 0;
}
