/** What the EEPROM of an emulated 82599 contains (datasheet rev 3.4, chapter 6). Words of 16 bits. */

export const EEPROM_WORDS = 8192;
export const EEPROM_CHECKSUM_WORD = 0x3f;

/** Words that point to modules which the checksum includes (section 6.3.2.3): analog, core, MAC and CSR settings. */
const FIRST_POINTER = 0x03;
const LAST_POINTER = 0x0e;
const CHECKSUM = 0xbaba;

const SIGNATURE = 0x0040;
const CORE0_POINTER = 0x09;
const FIRMWARE_POINTER = 0x0f;
const CORE0 = 0x150;
const FIRMWARE = 0x100;
const PBA_STRING = 0x140;
const PBA = 'IXYTS-0001';

/** An image with a valid checksum for a port with this MAC address (6 bytes). */
export function eepromImage(mac: Uint8Array): Uint16Array {
  const words = new Uint16Array(EEPROM_WORDS).fill(0xffff);
  words.fill(0, 0, EEPROM_CHECKSUM_WORD + 1);
  words[0] = SIGNATURE;
  words[CORE0_POINTER] = CORE0;
  words.set([3, mac[0] | (mac[1] << 8), mac[2] | (mac[3] << 8), mac[4] | (mac[5] << 8)], CORE0);
  words[FIRMWARE_POINTER] = FIRMWARE; // its word 2 stays FFFF: no link establishment by firmware
  words[0x15] = 0xfafa; // the product number is a string
  words[0x16] = PBA_STRING;
  words[PBA_STRING] = 1 + PBA.length / 2;
  for (let i = 0; i < PBA.length; i += 2) {
    words[PBA_STRING + 1 + i / 2] = (PBA.charCodeAt(i) << 8) | PBA.charCodeAt(i + 1);
  }
  words.fill(0xffff, 0x26, 0x29); // no thermal data, no alternate and no SAN address
  words[0x2c] = 0x0001; // any SFP+ module is allowed
  words[EEPROM_CHECKSUM_WORD] = CHECKSUM - checksummed(words);
  return words;
}

/** Sum of all words that the checksum covers, itself excepted; modulo 2^16 it and the checksum make 0xBABA. */
export function checksummed(words: Uint16Array): number {
  let total = 0;
  for (let i = 0; i < EEPROM_CHECKSUM_WORD; i++) total += words[i];
  for (let i = FIRST_POINTER; i <= LAST_POINTER; i++) {
    const module = words[i];
    if (module === 0 || module === 0xffff) continue;
    for (let word = 1; word <= words[module]; word++) total += words[module + word];
  }
  return total & 0xffff;
}
