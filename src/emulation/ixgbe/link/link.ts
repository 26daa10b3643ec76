/**
 * The link (datasheet rev 3.4, sections 3.7 and 4.6.4): it follows the wire, comes up a while after a reset or a restart
 * of auto-negotiation, and tells of changes by LINKS, STATUS and an interrupt.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { insert } from '../../../datasheet/registers.ts';
import { MILLISECOND } from '../../timers.ts';
import type { WireEnd } from '../../wire.ts';
import type { ModelContext } from '../context.ts';
import type { Interrupts } from '../interrupts.ts';

/** From a restart until the link is up. Real optics take longer; the order of events is the same. */
const TRAINING_TIME = 20 * MILLISECOND;
/** AUTOC as the EEPROM of an SFP+ card sets it: LMS 3, 10G serial. */
const AUTOC_10G_SERIAL = 3 << ixgbe.AUTOC.bits.LMS.shift;
/** AUTOC2: the serial interface is SFI. */
const AUTOC2_SFI = 2 << ixgbe.AUTOC2.bits.PMA_PMD_10G_SERIAL.shift;

/** ANLP1: the arbitration state (bits 16 … 19) has left its first state; without a partner there is nothing else to say. */
const ANLP1_ARBITRATION_DONE = 1 << 16;

const { AUTOC, AUTOC2, ANLP1, LINKS, STATUS, EICR } = ixgbe;

export class Link {
  /** What is plugged in; frames go there and come from there. */
  wire: WireEnd | undefined;
  /** Whether frames can pass. */
  up = false;
  /** Mbit/s; 0 while the link is down. */
  speed = 0;
  readonly #context: ModelContext;
  readonly #interrupts: Interrupts;
  /** Training is over, or was never begun. */
  #trained = false;
  /** Counts restarts, so that an outdated timer knows that it is. */
  #attempt = 0;
  /** Sticky: the link was down since LINKS was last read. */
  #wasDown = true;

  constructor(context: ModelContext, interrupts: Interrupts) {
    this.#context = context;
    this.#interrupts = interrupts;
    const { registers, faults } = context;
    registers.onWrite(AUTOC, (value) => {
      if ((value & AUTOC.bits.RESTART_AN.mask) !== 0) this.restart();
      return value & ~AUTOC.bits.RESTART_AN.mask;
    });
    registers.onWrite(AUTOC2, (value, before) => {
      if (((value ^ before) & AUTOC2.bits.LINK_DISABLE.mask) !== 0) this.restart(value);
      return value;
    });
    registers.onRead(LINKS, () => {
      const flap = faults.strikes('link-flap');
      if (flap) this.flap(flap.nanoseconds);
      this.follow();
      return this.#readLinks();
    });
    registers.onRead(STATUS, (stored) => insert(STATUS.bits.LINK_UP, stored, this.up ? 1 : 0));
  }

  /** As after a reset, when the EEPROM has been read. */
  loadDefaults(): void {
    this.#context.registers.set(AUTOC, AUTOC_10G_SERIAL);
    this.#context.registers.set(AUTOC2, AUTOC2_SFI);
    this.#context.registers.set(ANLP1, ANLP1_ARBITRATION_DONE);
    this.restart();
  }

  /** Takes the link down and trains anew, unless AUTOC2 disables it. */
  restart(autoc2 = this.#context.registers.get(AUTOC2)): void {
    this.#train((autoc2 & AUTOC2.bits.LINK_DISABLE.mask) === 0 ? TRAINING_TIME : Number.POSITIVE_INFINITY);
  }

  /** Takes the link down for a while. */
  flap(nanoseconds: number): void {
    this.#train(nanoseconds);
  }

  /** Takes the link down until it is restarted. */
  stop(): void {
    this.#train(Number.POSITIVE_INFINITY);
  }

  /** Brings the link in line with the wire. To be called before each burst. */
  follow(): void {
    const up = this.#trained && this.wire?.connected === true;
    if (up !== this.up) this.#change(up);
  }

  #train(nanoseconds: number): void {
    const attempt = ++this.#attempt;
    this.#trained = false;
    this.follow();
    if (nanoseconds === Number.POSITIVE_INFINITY) return;
    this.#context.timers.after(nanoseconds, () => {
      if (attempt !== this.#attempt) return;
      this.#trained = true;
      this.follow();
    });
  }

  #change(up: boolean): void {
    this.up = up;
    this.speed = up ? this.wire?.speed || 10_000 : 0;
    if (!up) this.#wasDown = true;
    this.#interrupts.raiseOther(EICR.bits.LSC.mask);
  }

  #readLinks(): number {
    const code = this.speed >= 10_000 ? 3 : this.speed >= 1_000 ? 2 : this.speed > 0 ? 1 : 0;
    const status = this.up && !this.#wasDown ? 1 : 0;
    if (this.up) this.#wasDown = false;
    const links = insert(LINKS.bits.LINK_UP, insert(LINKS.bits.LINK_STATUS, 0, status), this.up ? 1 : 0);
    return insert(LINKS.bits.LINK_SPEED, links, code);
  }
}
