/**
 * The Toeplitz hash, by which NICs spread flows over receive queues, and keys for it (Microsoft: "RSS hashing functions";
 * 82599 datasheet rev 3.4, section 7.1.2.8.1).
 */

/** Bytes of a key: enough for two IPv6 addresses and two ports. */
export const RSS_KEY_BYTES = 40;

/**
 * Keys that are known by a name. 'microsoft' is the one that published examples are given for. With 'symmetric' both
 * directions of a flow have the same hash: it repeats 16 bits, so that what trades places in the answer, addresses and
 * ports, meets the same bits of it. The price: the hash has two equal halves, and knows only which bits differ between
 * the words of addresses and ports; flows where both count up together can meet on one queue.
 */
export type RssKeyName = 'microsoft' | 'symmetric';

const KEYS: Readonly<Record<RssKeyName, string>> = {
  microsoft: '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa',
  // An odd number of ones in the 16 bits: no two sums of words have the same hash.
  symmetric: '6d5a'.repeat(RSS_KEY_BYTES / 2),
};

export const RSS_KEY_NAMES = Object.keys(KEYS) as readonly RssKeyName[];

/** A copy of a key by its name. */
export function rssKey(name: RssKeyName): Uint8Array {
  return Uint8Array.from(Buffer.from(KEYS[name], 'hex'));
}

/**
 * The hash of `bytes[offset … offset+length-1]`, as an int32. For each bit that is set, the first highest, 32 bits of the key
 * from the same position on are added without carries. `position`: bytes of input ahead of these, whose hash is to be
 * added in the same way (by XOR). The key must reach 4 bytes beyond the input.
 */
export function toeplitzHash(key: Uint8Array, bytes: Uint8Array, offset: number, length: number, position = 0): number {
  let hash = 0;
  let window = (key[position] << 24) | (key[position + 1] << 16) | (key[position + 2] << 8) | key[position + 3];
  for (let i = 0; i < length; i++) {
    const byte = bytes[offset + i];
    const following = key[position + i + 4];
    for (let bit = 7; bit >= 0; bit--) {
      if ((byte >>> bit) & 1) hash ^= window;
      window = (window << 1) | ((following >>> bit) & 1);
    }
  }
  return hash;
}
