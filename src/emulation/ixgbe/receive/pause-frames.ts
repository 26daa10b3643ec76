/**
 * PAUSE frames that arrive (IEEE 802.3, annex 31B; datasheet rev 3.4, section 3.7.7.3): the MAC obeys them if MFLCN.RFCE says
 * so, and passes them on only if it is told to. Priority flow control is left out.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { insert } from '../../../datasheet/registers.ts';
import type { ModelContext } from '../context.ts';
import type { Link } from '../link/link.ts';
import { CONTROL_BYTES, CONTROLS, type Traffic, XOFFS, XONS } from '../statistics.ts';

const { MFLCN, TFCS } = ixgbe;
const { DPF, PMCF, RFCE } = MFLCN.bits;
/** 01:80:c2:00:00:01, then the source, type 8808h and opcode 1. */
const ADDRESS = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x01];
const TYPE_AND_OPCODE = [0x88, 0x08, 0x00, 0x01];
const TYPE_OFFSET = 12;
const QUANTA_OFFSET = 16;
/** Bits of one quantum of pause. */
const QUANTUM_BITS = 512;

export class PauseFrames {
  readonly #context: ModelContext;
  readonly #traffic: Traffic;
  readonly #link: Link;

  constructor(context: ModelContext, traffic: Traffic, link: Link) {
    this.#context = context;
    this.#traffic = traffic;
    this.#link = link;
    const { registers, timers } = context;
    registers.onRead(TFCS, () => insert(TFCS.bits.TX_OFF, 0, link.pausedUntil > timers.now ? 1 : 0));
  }

  /** Whether the frame, with its CRC of `size` bytes, is a PAUSE frame that goes no further than the MAC. */
  takes(bytes: Uint8Array, offset: number, size: number): boolean {
    if (!matches(bytes, offset, ADDRESS) || !matches(bytes, offset + TYPE_OFFSET, TYPE_AND_OPCODE)) return false;
    const control = this.#context.registers.get(MFLCN);
    if ((control & RFCE.mask) !== 0)
      this.#obey((bytes[offset + QUANTA_OFFSET] << 8) | bytes[offset + QUANTA_OFFSET + 1]);
    if ((control & PMCF.mask) !== 0 && (control & DPF.mask) === 0) return false;
    const { totals } = this.#traffic;
    totals[CONTROLS]++;
    totals[CONTROL_BYTES] += size;
    return true;
  }

  #obey(quanta: number): void {
    const { timers } = this.#context;
    const nanoseconds = (quanta * QUANTUM_BITS * 1_000) / (this.#link.speed || 10_000);
    this.#link.pausedUntil = timers.now + nanoseconds;
    this.#traffic.totals[quanta > 0 ? XOFFS : XONS]++;
  }
}

function matches(bytes: Uint8Array, at: number, expected: readonly number[]): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}
