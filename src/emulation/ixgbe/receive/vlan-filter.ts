/** The VLAN filter (datasheet rev 3.4, section 7.1.1.2): with VLNCTRL.VFE, tagged frames pass if VFTA lists their VLAN. */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { NONE } from '../../packet-headers.ts';
import type { ModelContext } from '../context.ts';

const { VLNCTRL, VFTA } = ixgbe;
const { VET, CFI, CFIEN, VFE } = VLNCTRL.bits;
const TAG_CFI = 1 << 12;

export class VlanFilter {
  /** EtherType that marks a VLAN tag. */
  tagType = 0;
  /** Whether it filters. */
  enabled = false;
  readonly #context: ModelContext;
  #checksCfi = false;
  #cfi = 0;
  /** Registers of VFTA that software has written; the others are undefined. */
  readonly #written = new Uint8Array(VFTA.length);

  constructor(context: ModelContext) {
    this.#context = context;
    const { registers } = context;
    registers.onWrite(VLNCTRL, (value) => {
      registers.set(VLNCTRL, value);
      this.configure();
      return value;
    });
    registers.onWrite(VFTA, (value, _before, index) => {
      this.#written[index] = 1;
      return value;
    });
  }

  reset(): void {
    this.#written.fill(0);
    this.configure();
  }

  configure(): void {
    const control = this.#context.registers.get(VLNCTRL);
    this.tagType = extract(VET, control);
    this.enabled = (control & VFE.mask) !== 0;
    this.#checksCfi = (control & CFIEN.mask) !== 0;
    this.#cfi = (control & CFI.mask) !== 0 ? TAG_CFI : 0;
  }

  /** Whether a frame with this tag, or `NONE`, passes. */
  passes(tag: number): boolean {
    if (tag === NONE || !this.enabled) return true;
    if (this.#checksCfi && (tag & TAG_CFI) !== this.#cfi) return false;
    const index = (tag & 0xfff) >>> 5;
    const { registers, judge } = this.#context;
    if (this.#written[index] === 0) judge.record('rx.vlan-table', { register: 'VFTA', found: `VFTA[${index}]` });
    return ((registers.get(VFTA, index) >>> (tag & 31)) & 1) !== 0;
  }
}
