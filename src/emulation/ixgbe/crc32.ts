/**
 * Cyclic redundancy checks of 32 bits: the Ethernet frame check sequence, for frames whose CRC software sees or makes (IEEE
 * 802.3, section 3.2.9), and CRC32c, which SCTP has for a checksum (RFC 9260, appendix A).
 */

const ETHERNET = table(0xedb8_8320);
const CASTAGNOLI = table(0x82f6_3b78);
const FIELD_BYTES = 4;

/** `polynomial`: reversed, as bits come lowest first. */
function table(polynomial: number): Int32Array {
  const values = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    values[byte] = value;
  }
  return values;
}

/** The FCS of `bytes[offset … offset+length-1]` as an int32 that, stored little-endian, follows the frame. */
export function frameCheckSequence(bytes: Uint8Array, offset: number, length: number): number {
  let crc = -1;
  for (let i = offset, end = offset + length; i < end; i++) crc = ETHERNET[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc;
}

/** CRC32c of a range as an int32 to be stored little-endian; the four bytes at `field`, its own place, count as 0. */
export function crc32c(bytes: Uint8Array, offset: number, length: number, field: number): number {
  let crc = -1;
  for (let i = offset, end = offset + length; i < end; i++) {
    const byte = i >= field && i < field + FIELD_BYTES ? 0 : bytes[i];
    crc = CASTAGNOLI[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  }
  return ~crc;
}
