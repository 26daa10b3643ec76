/**
 * Receive filters by destination address (datasheet rev 3.4, section 7.1.1): exact addresses, the tables for multicast
 * and unicast, broadcast and the promiscuous switches.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import type { Register } from '../../../datasheet/registers.ts';
import type { ModelContext } from '../context.ts';

/** The outcome, as flags. */
export const ACCEPTED = 1;
/** Not by an exact address: the descriptor says so (PIF). */
export const INEXACT = 2;
export const MULTICAST = 4;
export const BROADCAST = 8;

const ADDRESSES = ixgbe.RAL.length;
const { AV } = ixgbe.RAH.bits;
const { MPE, UPE, BAM } = ixgbe.FCTRL.bits;
const { MFE } = ixgbe.MCSTCTRL.bits;
/** Low bit to begin with in the last 16 bits of the address, by MCSTCTRL.MO. */
const HASH_SHIFT = [4, 3, 2, 0];

export class AddressFilter {
  readonly #context: ModelContext;
  /** Valid receive addresses: the first four bytes and the last two, as they lie in memory. */
  readonly #low = new Int32Array(ADDRESSES);
  readonly #high = new Int32Array(ADDRESSES);
  #addresses = 0;
  #control = 0;
  #multicastControl = 0;
  #stale = true;

  constructor(context: ModelContext) {
    this.#context = context;
    const { registers, judge } = context;
    const outdate = (value: number): number => {
      this.#stale = true;
      return value;
    };
    registers.onWrite(ixgbe.RAL, outdate);
    registers.onWrite(ixgbe.MCSTCTRL, outdate);
    registers.onWrite(ixgbe.RAH, (value) => outdate(value & (AV.mask | ixgbe.RAH.bits.RAH.mask)));
    registers.onWrite(ixgbe.FCTRL, (value, before) => {
      const receiving = (registers.get(ixgbe.RXCTRL) & ixgbe.RXCTRL.bits.RXEN.mask) !== 0;
      if (receiving && value !== before) judge.record('rx.filter-while-enabled', { register: 'FCTRL' });
      return outdate(value);
    });
  }

  /** To be called when registers changed other than by a driver's write. */
  invalidate(): void {
    this.#stale = true;
  }

  /** Judges the frame that begins at `bytes[offset]` (14 bytes at least): flags as above, 0 if it is not for us. */
  judge(bytes: Uint8Array, offset: number): number {
    if (this.#stale) this.#refresh();
    const low = bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
    const high = bytes[offset + 4] | (bytes[offset + 5] << 8);
    if ((low & 1) !== 0) return this.#judgeGroup(low, high);
    if (this.#matches(low, high)) return ACCEPTED;
    const lets = (this.#control & UPE.mask) !== 0 || this.#listed(ixgbe.PFUTA, high);
    return lets ? ACCEPTED | INEXACT : 0;
  }

  #judgeGroup(low: number, high: number): number {
    if (low === -1 && high === 0xffff) return (this.#control & BAM.mask) !== 0 ? ACCEPTED | BROADCAST : BROADCAST;
    if (this.#matches(low, high)) return ACCEPTED | MULTICAST;
    if ((this.#control & MPE.mask) !== 0) return ACCEPTED | INEXACT | MULTICAST;
    return this.#listed(ixgbe.MTA, high) ? ACCEPTED | INEXACT | MULTICAST : MULTICAST;
  }

  /** Whether a table of 4096 bits lists the address that ends with these 16 bits. */
  #listed(table: Register, high: number): boolean {
    if ((this.#multicastControl & MFE.mask) === 0) return false;
    const hash = (high >>> HASH_SHIFT[this.#multicastControl & 3]) & 0xfff;
    return ((this.#context.registers.get(table, hash >>> 5) >>> (hash & 31)) & 1) !== 0;
  }

  #matches(low: number, high: number): boolean {
    for (let i = 0; i < this.#addresses; i++) {
      if (this.#low[i] === low && this.#high[i] === high) return true;
    }
    return false;
  }

  #refresh(): void {
    const { registers, judge } = this.#context;
    const first = registers.get(ixgbe.RAH);
    if ((first & AV.mask) === 0) judge.record('rx.address-invalid', { register: 'RAH', found: first.toString(16) });
    this.#stale = false;
    this.#control = registers.get(ixgbe.FCTRL);
    this.#multicastControl = registers.get(ixgbe.MCSTCTRL);
    this.#addresses = 0;
    for (let i = 0; i < ADDRESSES; i++) {
      const high = registers.get(ixgbe.RAH, i);
      if ((high & AV.mask) === 0) continue;
      this.#low[this.#addresses] = registers.get(ixgbe.RAL, i);
      this.#high[this.#addresses] = high & 0xffff;
      this.#addresses++;
    }
  }
}
