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
const PASS_THROUGH = 0x120;
const SFP_INIT_POINTER = 0x2b;
const SFP_INIT = 0x160;
const SFP_ANALOG = 0x180;
const DEVICE_CAPABILITIES = 0x2c;
const PBA_STRING = 0x140;
const PBA = 'IXYTS-0001';

/** Kinds of modules in the list of what to set up for them: direct attach and short or long range, of either port. */
const SFP_KINDS = [3, 4, 5, 6];
const ANY_SFP_ALLOWED = 1 << 0;
/** The module's pins need no second look before the link counts. */
const NO_CROSSTALK = 1 << 7;
const LAST = 0xffff;

/** An image with a valid checksum for a port with this MAC address (6 bytes). */
export function eepromImage(mac: Uint8Array): Uint16Array {
  const words = new Uint16Array(EEPROM_WORDS).fill(0xffff);
  words.fill(0, 0, EEPROM_CHECKSUM_WORD + 1);
  words[0] = SIGNATURE;
  words[CORE0_POINTER] = CORE0;
  words.set([3, mac[0] | (mac[1] << 8), mac[2] | (mac[3] << 8), mac[4] | (mac[5] << 8)], CORE0);
  describeFirmware(words);
  describeBoard(words);
  listModules(words);
  words.fill(0xffff, 0x26, 0x29); // no thermal data, no alternate and no SAN address
  words[DEVICE_CAPABILITIES] = ANY_SFP_ALLOWED | NO_CROSSTALK;
  words[EEPROM_CHECKSUM_WORD] = CHECKSUM - checksummed(words);
  return words;
}

/** Its word 2 stays FFFF: no link establishment by firmware. Word 4 points to where its version is. */
function describeFirmware(words: Uint16Array): void {
  words[FIRMWARE_POINTER] = FIRMWARE;
  words[FIRMWARE + 4] = PASS_THROUGH;
  words[PASS_THROUGH + 7] = 0x0009; // drivers warn of pre-production cards below 6
  words.set([0x0001, 0x8000], 0x2d); // version of the image
}

function describeBoard(words: Uint16Array): void {
  words[0x15] = 0xfafa; // the product number is a string
  words[0x16] = PBA_STRING;
  words[PBA_STRING] = 1 + PBA.length / 2;
  for (let i = 0; i < PBA.length; i += 2) {
    words[PBA_STRING + 1 + i / 2] = (PBA.charCodeAt(i) << 8) | PBA.charCodeAt(i + 1);
  }
}

/** For each kind of SFP+ module, where the values for CORECTL are; here one value serves all. */
function listModules(words: Uint16Array): void {
  words[SFP_INIT_POINTER] = SFP_INIT;
  words.set([SFP_KINDS.length, ...SFP_KINDS.flatMap((kind) => [kind, SFP_ANALOG]), LAST], SFP_INIT);
  words.set([0, 0x1234, LAST], SFP_ANALOG);
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
