/** The Ethernet frame check sequence, for frames whose CRC software sees or makes (IEEE 802.3, section 3.2.9). */

const TABLE = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  TABLE[byte] = value;
}

/** The FCS of `bytes[offset … offset+length-1]` as an int32 that, stored little-endian, follows the frame. */
export function frameCheckSequence(bytes: Uint8Array, offset: number, length: number): number {
  let crc = -1;
  for (let i = offset, end = offset + length; i < end; i++) crc = TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc;
}
