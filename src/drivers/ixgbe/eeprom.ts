/** Telling a valid EEPROM image (82599 datasheet rev 3.4, sections 6.1 and 8.2.3.2.2). */
import { IxyError } from '../../errors.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import type { Registers } from './registers.ts';

const READ_MILLISECONDS = 10;
const CHECKSUM_WORD = 0x3f;
/** What the checksummed words add up to, modulo 2^16 (6.1, word 0x3F). */
const CHECKSUM = 0xbaba;
/** Words that point to sections of the image; the firmware's own begin behind them. */
const FIRST_POINTER = 0x03;
const LAST_POINTER = 0x0e;
const UNUSED = [0x0000, 0xffff];

/** Reads one 16-bit word. */
function readWord(registers: Registers, word: number): number {
  registers.assign('EERD', { ADDR: word, START: 1 });
  registers.untilBlocking('EERD', 'DONE', 1, READ_MILLISECONDS);
  return registers.field('EERD', 'DATA');
}

/**
 * Adds up the image: the base words, then each section that a pointer leads to. Hold the EEPROM while calling. Throws
 * `ERR_BAD_FILE`.
 */
export function verifyChecksum(registers: Registers): void {
  let sum = 0;
  for (let word = 0; word <= CHECKSUM_WORD; word++) sum += readWord(registers, word);
  for (let pointer = FIRST_POINTER; pointer <= LAST_POINTER; pointer++) {
    const section = readWord(registers, pointer);
    if (UNUSED.includes(section)) continue;
    const length = readWord(registers, section);
    if (UNUSED.includes(length)) continue;
    for (let word = section + 1; word <= section + length; word++) sum += readWord(registers, word);
  }
  if ((sum & 0xffff) !== CHECKSUM) {
    throw new IxyError(
      'ERR_BAD_FILE',
      `${registers.device.address}: the EEPROM's words add up to ${hexadecimal(sum & 0xffff)} instead of ` +
        `${hexadecimal(CHECKSUM)}; its image is damaged, restore it with the vendor's tool`,
    );
  }
}
