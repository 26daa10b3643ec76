/**
 * The link (datasheet rev 3.4, sections 3.7 and 4.6.4): it follows the wire, comes up a while after a reset or a restart
 * of auto-negotiation, and tells of changes by LINKS, STATUS and an interrupt. Software may also force it up (AUTOC.FLU)
 * or loop it back inside the MAC (HLREG0.LPBK, section 3.7.4.8).
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import {
  LINK_SPEED_1G,
  LINK_SPEED_10G,
  LINK_SPEED_100M,
  LMS_1G_NEGOTIATION,
  LMS_1G_NO_NEGOTIATION,
} from '../../../datasheet/ixgbe/link.ts';
import { extract, insert } from '../../../datasheet/registers.ts';
import { MILLISECOND } from '../../timers.ts';
import type { FrameSink, WireEnd } from '../../wire.ts';
import type { ModelContext } from '../context.ts';
import type { Interrupts } from '../interrupts.ts';
import { type Medium, negotiates } from './medium.ts';

/** From a restart until the link is up. Real optics take longer; the order of events is the same. */
const TRAINING_TIME = 20 * MILLISECOND;
/** From a restart until the arbitration state machine has left its first state. */
const ARBITRATION_TIME = 2 * MILLISECOND;
/** ANLP1: the arbitration state (bits 16 … 19) has left its first state; without a partner there is nothing else to say. */
const ANLP1_ARBITRATION_DONE = 1 << 16;

const { AUTOC, AUTOC2, ANLP1, LINKS, STATUS, EICR, HLREG0 } = ixgbe;

/** Where frames go while the link is forced up and nothing is plugged in. */
const DARKNESS: FrameSink = { deliver: () => true };

export class Link {
  /** What is plugged in; frames go there and come from there. */
  wire: WireEnd | undefined;
  /** Whether frames can pass. */
  up = false;
  /** Mbit/s; 0 while the link is down. */
  speed = 0;
  /** Model time until which the partner wants nothing sent. */
  pausedUntil = 0;
  /** The receiver, to which frames go while the MAC loops back. */
  receiver: FrameSink = DARKNESS;
  /** Called before the link goes up or down: clocks run with it. */
  beforeChange: () => void = () => {};
  readonly #context: ModelContext;
  readonly #interrupts: Interrupts;
  readonly #medium: Medium;
  /** Training is over, or was never begun. */
  #trained = false;
  /** Up whatever the wire says. */
  #forced = false;
  #loopsBack = false;
  /** Counts restarts, so that an outdated timer knows that it is. */
  #attempt = 0;
  /** Sticky: the link was down since LINKS was last read. */
  #wasDown = true;

  constructor(context: ModelContext, interrupts: Interrupts, medium: Medium) {
    this.#context = context;
    this.#interrupts = interrupts;
    this.#medium = medium;
    const { registers, faults } = context;
    registers.onWrite(AUTOC, (value) => {
      this.#forced = (value & AUTOC.bits.FLU.mask) !== 0;
      if ((value & AUTOC.bits.RESTART_AN.mask) !== 0) this.restart();
      this.follow();
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

  /** Where frames that are sent go. */
  get sink(): FrameSink | undefined {
    if (this.#loopsBack) return this.receiver;
    return this.#forced ? (this.wire ?? DARKNESS) : this.wire;
  }

  /** Where received frames come from; nowhere while the MAC loops back. */
  get source(): WireEnd | undefined {
    return this.#loopsBack ? undefined : this.wire;
  }

  /** Takes over what HLREG0 says. */
  configure(): void {
    this.#loopsBack = (this.#context.registers.get(HLREG0) & HLREG0.bits.LPBK.mask) !== 0;
  }

  /** As after a reset, when the EEPROM has been read. */
  loadDefaults(): void {
    this.#context.registers.set(AUTOC, this.#medium.autoc);
    this.#context.registers.set(AUTOC2, this.#medium.autoc2);
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

  /** As a reset leaves it: down until it is restarted. */
  stop(): void {
    this.#forced = false;
    this.configure();
    this.#train(Number.POSITIVE_INFINITY);
  }

  /** Brings the link in line with the wire. To be called before each burst. */
  follow(): void {
    const connected = this.wire?.connected === true && this.#medium.present;
    const up = this.#forced || (this.#trained && connected);
    if (up !== this.up) this.#change(up);
  }

  #train(nanoseconds: number): void {
    const attempt = ++this.#attempt;
    this.#trained = false;
    this.follow();
    const { registers, timers } = this.#context;
    registers.set(ANLP1, 0);
    if (nanoseconds === Number.POSITIVE_INFINITY) return;
    timers.after(Math.min(nanoseconds, ARBITRATION_TIME), () => {
      if (attempt === this.#attempt) registers.set(ANLP1, ANLP1_ARBITRATION_DONE);
    });
    timers.after(nanoseconds, () => {
      if (attempt !== this.#attempt) return;
      this.#trained = true;
      this.follow();
    });
  }

  #change(up: boolean): void {
    this.beforeChange();
    this.up = up;
    this.speed = up ? Math.min(this.wire?.speed || this.#fastest(), this.#fastest()) : 0;
    this.#interrupts.linkSpeed = this.speed;
    this.pausedUntil = 0;
    if (!up) this.#wasDown = true;
    this.#interrupts.raiseOther(EICR.bits.LSC.mask);
  }

  /** What the link mode allows, in Mbit/s. */
  #fastest(): number {
    const mode = extract(AUTOC.bits.LMS, this.#context.registers.get(AUTOC));
    return mode === LMS_1G_NO_NEGOTIATION || mode === LMS_1G_NEGOTIATION ? 1_000 : 10_000;
  }

  #readLinks(): number {
    const code = this.speed >= 10_000 ? LINK_SPEED_10G : this.speed >= 1_000 ? LINK_SPEED_1G : LINK_SPEED_100M;
    const status = this.up && !this.#wasDown ? 1 : 0;
    if (this.up) this.#wasDown = false;
    const { LINK_UP, LINK_STATUS, LINK_SPEED, KX_AN_COMPLETED } = LINKS.bits;
    const links = insert(LINK_UP, insert(LINK_STATUS, 0, status), this.up ? 1 : 0);
    const negotiated = this.#trained && negotiates(this.#context.registers.get(AUTOC));
    return insert(LINK_SPEED, insert(KX_AN_COMPLETED, links, negotiated ? 1 : 0), this.up ? code : 0);
  }
}
