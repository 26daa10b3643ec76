/**
 * Interrupt causes, masks and moderation (datasheet rev 3.4, section 7.3). Causes of the queues are vectors 0 … 63, of
 * which the first 16 show in EICR; bits 16 … 31 of EICR are the others.
 */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { extract } from '../../datasheet/registers.ts';
import type { MsixTable } from '../msix-table.ts';
import { MICROSECOND } from '../timers.ts';
import type { ModelContext } from './context.ts';
import { InterruptLine } from './interrupt-line.ts';

const VECTORS = 64;
const QUEUES = 128;
const QUEUE_BITS = 0xffff;
/** Causes that EICR keeps when it is read with GPIE.OCD: the queues', and bits 30 and 31. */
const KEPT_WITH_OCD = 0xc000_ffff | 0;
const VALID = 0x80;
const NO_VECTOR = -1;
/** What EITR counts in, and how much of its counter ITR_COUNTER shows: all but the last two bits. */
const TICK = 2 * MICROSECOND;
const SLOW_TICK = 10 * TICK;
const COUNTER_UNIT = 4;

const { GPIE, EIMS_EXT, EIAM_EXT, EIAM, EIAC, EITR, IVAR, IVAR_MISC } = ixgbe;

export class Interrupts {
  readonly msix: MsixTable;
  /** Called for each interrupt: the MSI-X vector, or 0 for the interrupt line. */
  onInterrupt: (vector: number) => void = () => {};
  /** The link's speed in Mbit/s: at 100 Mbit/s, moderation takes ten times longer. */
  linkSpeed = 0;
  readonly #context: ModelContext;
  // Causes, masks, and causes not yet announced: two words of vectors, then the other causes.
  readonly #causes = new Int32Array(3);
  readonly #mask = new Int32Array(3);
  readonly #unsent = new Int32Array(3);
  readonly #rxVector = new Int8Array(QUEUES).fill(NO_VECTOR);
  readonly #txVector = new Int8Array(QUEUES).fill(NO_VECTOR);
  /** When each vector may fire again. */
  readonly #quietUntil = new Float64Array(VECTORS);
  /** When what is held back comes up again; Infinity while nothing is. */
  #wakeAt = Number.POSITIVE_INFINITY;
  readonly #line: InterruptLine;

  constructor(context: ModelContext, msix: MsixTable) {
    this.#context = context;
    this.msix = msix;
    this.msix.onMessage = (vector) => this.onInterrupt(vector);
    this.#line = new InterruptLine(context.config, () => this.#wantsLine);
    const { registers } = context;
    registers.onRead(ixgbe.EICR, () => this.#readCauses());
    registers.onWrite(ixgbe.EICR, (_value, _before, _i, written) =>
      this.#quietly(() => {
        this.#clear(written);
        this.#maskByCauses(written);
      }),
    );
    registers.onRead(ixgbe.EICS, () => this.#pendingCauses());
    registers.onWrite(ixgbe.EICS, (value) => this.#quietly(() => this.#raiseWord(value)));
    registers.onWrite(EITR, (value, _before, vector) => {
      if ((value & EITR.bits.CNT_WDIS.mask) === 0 && vector < VECTORS) {
        const left = extract(EITR.bits.ITR_COUNTER, value) * COUNTER_UNIT * this.#tick;
        this.#quietUntil[vector] = this.#context.timers.now + left;
      }
      return value & ~EITR.bits.CNT_WDIS.mask;
    });
    registers.onRead(ixgbe.EIMS, () => (this.#mask[0] & QUEUE_BITS) | this.#mask[2]);
    registers.onWrite(ixgbe.EIMS, (value) => this.#quietly(() => this.#unmask(value & QUEUE_BITS, 0, value)));
    registers.onWrite(ixgbe.EIMC, (value) => this.#quietly(() => this.#maskOff(value & QUEUE_BITS, 0, value)));
    registers.onWrite(ixgbe.EICS_EXT, (value, _before, i) => this.#quietly(() => this.#raiseBySoftware(i, value)));
    registers.onRead(EIMS_EXT, (_stored, i) => this.#mask[i]);
    registers.onWrite(EIMS_EXT, (value, _before, i) =>
      this.#quietly(() => this.#unmask(i === 0 ? value : 0, i === 1 ? value : 0, 0)),
    );
    registers.onWrite(ixgbe.EIMC_EXT, (value, _before, i) =>
      this.#quietly(() => this.#maskOff(i === 0 ? value : 0, i === 1 ? value : 0, 0)),
    );
    registers.onWrite(IVAR, (value, _before, index) => {
      this.#mapQueues(value, index);
      return value;
    });
  }

  /** Whether the interrupt line is up: a cause that is enabled, no messages, and permission. */
  get lineAsserted(): boolean {
    return this.#line.permitted && this.#wantsLine;
  }

  /** Whether any cause is enabled. */
  get anyUnmasked(): boolean {
    return (this.#mask[0] | this.#mask[1] | this.#mask[2]) !== 0;
  }

  reset(): void {
    this.#causes.fill(0);
    this.#mask.fill(0);
    this.#unsent.fill(0);
    this.#rxVector.fill(NO_VECTOR);
    this.#txVector.fill(NO_VECTOR);
    this.#quietUntil.fill(0);
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.configWritten();
  }

  /** Software may have permitted the line, or forbidden it. One that is permitted again tells of what still waits. */
  configWritten(): void {
    const line = this.#line;
    const before = line.permitted;
    line.configWritten();
    if (line.permitted && !before) for (let i = 0; i < 3; i++) this.#unsent[i] |= this.#causes[i];
  }

  /** Whether the moderation of a transmit queue's vector is over: what the queue holds back is due. */
  transmitDue(queue: number): boolean {
    const vector = this.#txVector[queue];
    return vector !== NO_VECTOR && this.#context.timers.now >= this.#quietUntil[vector];
  }

  /** A queue has written back descriptors. */
  queueEvent(side: 'rx' | 'tx', queue: number): void {
    const vector = side === 'rx' ? this.#rxVector[queue] : this.#txVector[queue];
    if (vector !== NO_VECTOR) this.#raise(vector >>> 5, 1 << (vector & 31));
  }

  /** Sets other causes: bits of EICR from 16 on. */
  raiseOther(bits: number): void {
    this.#raise(2, bits & ~QUEUE_BITS);
  }

  /** Sends what is due. To be called after each burst. */
  evaluate(): void {
    const due0 = this.#unsent[0] & this.#mask[0];
    const due1 = this.#unsent[1] & this.#mask[1];
    const other = this.#unsent[2] & this.#mask[2];
    if ((due0 | due1 | other) === 0) return;
    if (!this.msix.enabled) {
      this.#pullLine();
      return;
    }
    this.#sendVectors(0, due0);
    this.#sendVectors(1, due1);
    if (other !== 0) this.#sendOther(other);
  }

  /** The interrupt line, or MSI: causes that are masked stay to be told of when they are not any more. */
  #pullLine(): void {
    if (!(this.#line.permitted || this.#line.replaced) || !this.#allowed(0)) return;
    for (let word = 0; word < 3; word++) this.#unsent[word] &= ~this.#mask[word];
    this.onInterrupt(0);
  }

  get #wantsLine(): boolean {
    if (this.msix.enabled || this.#line.replaced) return false;
    const [low, high, other] = this.#causes;
    return ((low & this.#mask[0]) | (high & this.#mask[1]) | (other & this.#mask[2])) !== 0;
  }

  #sendVectors(word: number, due: number): void {
    for (let rest = due; rest !== 0; rest &= rest - 1) {
      const bit = 31 - Math.clz32(rest & -rest);
      this.#message(word * 32 + bit, word, 1 << bit);
    }
  }

  #sendOther(due: number): void {
    const entry = this.#context.registers.get(IVAR_MISC) >>> 8;
    if ((entry & VALID) !== 0) this.#message(entry & (VECTORS - 1), 2, due);
  }

  /** Sends the message for `bits` of word `word`, then clears and masks by itself what it was told to. */
  #message(vector: number, word: number, bits: number): void {
    if (!this.#allowed(vector)) return;
    const { registers } = this.#context;
    this.#unsent[word] &= ~bits;
    const clears = word === 2 ? registers.get(EIAC) : word === 0 ? registers.get(EIAC) | ~QUEUE_BITS : -1;
    this.#causes[word] &= ~(bits & clears);
    if ((registers.get(GPIE) & GPIE.bits.EIAME.mask) !== 0) this.#mask[word] &= ~(bits & this.#autoMask(word));
    this.msix.post(vector);
  }

  #autoMask(word: number): number {
    const { registers } = this.#context;
    if (word === 2) return registers.get(EIAM);
    return registers.get(EIAM_EXT, word) | (word === 0 ? registers.get(EIAM) & QUEUE_BITS : 0);
  }

  get #tick(): number {
    return this.linkSpeed > 0 && this.linkSpeed < 1_000 ? SLOW_TICK : TICK;
  }

  /** Throttling: whether the vector's interval has passed; if so, the next one begins. */
  #allowed(vector: number): boolean {
    const { timers, registers } = this.#context;
    if (timers.now < this.#quietUntil[vector]) {
      this.#wakeUpAt(this.#quietUntil[vector]);
      return false;
    }
    const interval = extract(EITR.bits.ITR_INTERVAL, registers.get(EITR, vector));
    this.#quietUntil[vector] = timers.now + interval * this.#tick;
    return true;
  }

  /** Looks again at what is held back, then, whether or not anything moves until then. */
  #wakeUpAt(time: number): void {
    if (time >= this.#wakeAt) return;
    this.#wakeAt = time;
    const { timers } = this.#context;
    timers.after(time - timers.now, () => {
      if (this.#wakeAt !== time) return;
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.evaluate();
    });
  }

  #raise(word: number, bits: number): void {
    this.#unsent[word] |= bits & ~this.#causes[word];
    this.#causes[word] |= bits;
  }

  /** Causes in the layout of EICR. */
  #raiseWord(bits: number): void {
    this.#raiseBySoftware(0, bits & QUEUE_BITS);
    this.#raiseBySoftware(2, bits & ~QUEUE_BITS);
  }

  /** Without moderation, if GPIE.EIMEN says so. */
  #raiseBySoftware(word: number, bits: number): void {
    this.#raise(word, bits);
    const { registers } = this.#context;
    if ((registers.get(GPIE) & GPIE.bits.EIMEN.mask) === 0) return;
    if (!this.msix.enabled) this.#quietUntil[0] = 0;
    else if (word === 2) this.#quietUntil[(registers.get(IVAR_MISC) >>> 8) & (VECTORS - 1)] = 0;
    else for (let bit = 0; bit < 32; bit++) if (((bits >>> bit) & 1) !== 0) this.#quietUntil[32 * word + bit] = 0;
    this.evaluate();
  }

  #unmask(low: number, high: number, other: number): void {
    this.#mask[0] |= low;
    this.#mask[1] |= high;
    this.#mask[2] |= other & ~QUEUE_BITS;
    this.evaluate();
  }

  #maskOff(low: number, high: number, other: number): void {
    this.#mask[0] &= ~low;
    this.#mask[1] &= ~high;
    this.#mask[2] &= ~(other & ~QUEUE_BITS);
  }

  /** In the layout of EICR. */
  #pendingCauses(): number {
    return (this.#causes[0] & QUEUE_BITS) | this.#causes[2];
  }

  #readCauses(): number {
    const causes = this.#pendingCauses();
    const { registers } = this.#context;
    const keeps = (registers.get(GPIE) & GPIE.bits.OCD.mask) !== 0 ? KEPT_WITH_OCD : 0;
    this.#clear(causes & ~keeps);
    this.#maskByCauses(causes);
    return causes;
  }

  /** Without MSI-X, EIAM masks causes when EICR is read or written. */
  #maskByCauses(causes: number): void {
    if (this.msix.enabled) return;
    const masks = this.#context.registers.get(EIAM) & causes;
    this.#maskOff(masks & QUEUE_BITS, 0, masks);
  }

  /** Clears causes in the layout of EICR. */
  #clear(bits: number): void {
    this.#causes[0] &= ~(bits & QUEUE_BITS);
    this.#unsent[0] &= ~(bits & QUEUE_BITS);
    this.#causes[2] &= ~(bits & ~QUEUE_BITS);
    this.#unsent[2] &= ~(bits & ~QUEUE_BITS);
  }

  #mapQueues(value: number, index: number): void {
    for (let entry = 0; entry < 4; entry++) {
      const allocation = (value >>> (8 * entry)) & 0xff;
      const vector = (allocation & VALID) !== 0 ? allocation & (VECTORS - 1) : NO_VECTOR;
      const map = (entry & 1) === 0 ? this.#rxVector : this.#txVector;
      map[2 * index + (entry >>> 1)] = vector;
    }
  }

  /** For registers that act when written and store nothing. */
  #quietly(action: () => void): number {
    action();
    return 0;
  }
}
