/** Access to the EEPROM, a word at a time (datasheet rev 3.4, section 8.2.3.2.2). */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract, insert } from '../../../datasheet/registers.ts';
import { MICROSECOND } from '../../timers.ts';
import type { ModelContext } from '../context.ts';
import { EEPROM_CHECKSUM_WORD, EEPROM_WORDS } from './eeprom-image.ts';

const READ_TIME = 5 * MICROSECOND;
const { EERD, EEC, RAL, RAH } = ixgbe;

export class Eeprom {
  readonly words: Uint16Array;
  readonly #context: ModelContext;
  readonly #mac: Uint8Array;
  #reading = false;

  constructor(context: ModelContext, words: Uint16Array, mac: Uint8Array) {
    this.#context = context;
    this.words = words;
    this.#mac = mac;
    const { registers, judge } = context;
    registers.onWrite(EERD, (value, before) => {
      if ((value & EERD.bits.START.mask) === 0) return value;
      if (this.#reading) {
        judge.record('eeprom.busy', { register: 'EERD' });
        return before;
      }
      this.#read(extract(EERD.bits.ADDR, value));
      return insert(EERD.bits.DONE, value, 0);
    });
    registers.onWrite(EEC, (value, before) => {
      const { EE_REQ, EE_GNT, FWE } = EEC.bits;
      const writable = EE_REQ.mask | FWE.mask | 0xf;
      const granted = insert(EE_GNT, before, extract(EE_REQ, value));
      return (granted & ~writable) | (value & writable);
    });
  }

  /** As after a reset: nothing is loaded yet. */
  reset(): void {
    this.#reading = false;
  }

  /** Loads what the hardware takes from the EEPROM by itself, and says so. */
  autoRead(): void {
    const { registers } = this.#context;
    const mac = this.#mac;
    registers.set(RAL, mac[0] | (mac[1] << 8) | (mac[2] << 16) | (mac[3] << 24));
    registers.set(RAH, mac[4] | (mac[5] << 8) | RAH.bits.AV.mask);
    const { EE_PRES, AUTO_RD, EE_SIZE } = EEC.bits;
    const size = Math.log2((EEPROM_WORDS * 2) / 128);
    registers.set(EEC, insert(EE_SIZE, registers.get(EEC) | EE_PRES.mask | AUTO_RD.mask, size));
  }

  #read(address: number): void {
    const { registers, timers, faults } = this.#context;
    let word = address < EEPROM_WORDS ? this.words[address] : 0xffff;
    if (address === EEPROM_CHECKSUM_WORD && faults.strikes('eeprom-checksum')) word ^= 1;
    this.#reading = true;
    timers.after(READ_TIME, () => {
      if (!this.#reading) return;
      this.#reading = false;
      const { START, DONE, DATA } = EERD.bits;
      registers.set(EERD, insert(DATA, (registers.get(EERD) & ~START.mask) | DONE.mask, word));
    });
  }
}
