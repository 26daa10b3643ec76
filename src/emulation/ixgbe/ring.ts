/**
 * What receive and transmit rings have in common (datasheet rev 3.4, sections 7.1.9 and 7.2.3.3): base, length, head and
 * tail, enabling and disabling, and in strict mode a copy of every descriptor that the device owns.
 */
import { DESCRIPTOR_BYTES, DESCRIPTOR_WORDS, RING_ALIGNMENT, RING_MAXIMUM } from '../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import type { Register } from '../../datasheet/registers.ts';
import { crossesPage, type DmaRegion, NOWHERE } from '../dma-regions.ts';
import { DmaTranslator } from '../dma-translator.ts';
import { MICROSECOND } from '../timers.ts';
import { type ModelContext, QUIET } from './context.ts';

/** From a write of ENABLE until it reads as written: the device finishes what it is doing. */
const SWITCH_TIME = 10 * MICROSECOND;
/** Heads read this often while they moved: software polls them. */
const POLLING = 16;

interface RingRegisters {
  readonly low: Register;
  readonly high: Register;
  readonly length: Register<'LEN'>;
  readonly head: Register;
  readonly tail: Register;
  readonly control: Register<'ENABLE'>;
}

const RING_REGISTERS: Readonly<Record<'rx' | 'tx', RingRegisters>> = {
  rx: {
    low: ixgbe.RDBAL,
    high: ixgbe.RDBAH,
    length: ixgbe.RDLEN,
    head: ixgbe.RDH,
    tail: ixgbe.RDT,
    control: ixgbe.RXDCTL,
  },
  tx: {
    low: ixgbe.TDBAL,
    high: ixgbe.TDBAH,
    length: ixgbe.TDLEN,
    head: ixgbe.TDH,
    tail: ixgbe.TDT,
    control: ixgbe.TXDCTL,
  },
};

export class DescriptorRing {
  readonly side: 'rx' | 'tx';
  readonly queue: number;
  /** Descriptors, as words of the region they lie in, from word `base` on. Valid while the ring is enabled. */
  words: Int32Array = NOWHERE.words;
  /** The same words two by two: what must become visible to software at once. */
  pairs: Float64Array = new Float64Array(0);
  base = 0;
  /** Number of descriptors. */
  count = 0;
  /** Next descriptor that the device uses. */
  head = 0;
  /** One beyond the last descriptor that the device may use. */
  tail = 0;
  /** The true state of ENABLE. */
  enabled = false;
  /** Called when `enabled` has changed. */
  onSwitch: () => void = () => {};
  readonly #context: ModelContext;
  readonly #bell: number;
  #wanted = false;
  #region: DmaRegion = NOWHERE;
  /** Strict mode: what software had written when it gave each descriptor away. */
  #given = new Int32Array(0);
  #headWhenRead = 0;
  #headReads = 0;

  constructor(context: ModelContext, side: 'rx' | 'tx', queue: number) {
    this.#context = context;
    this.side = side;
    this.queue = queue;
    this.#bell = RING_REGISTERS[side].tail.at(queue) >>> 2;
  }

  /** Whether the ring runs and its memory is still there. */
  get usable(): boolean {
    return this.enabled && this.#region.size > 0;
  }

  /** Sees whether the doorbell has rung. */
  listen(): void {
    const { doorbells } = this.#context;
    if (doorbells[this.#bell] !== QUIET) this.moveTail(Atomics.exchange(doorbells, this.#bell, QUIET));
  }

  /** Software asks for the ring to run or to stop; it happens a little later, if `permitted` then. */
  want(enabled: boolean, permitted: () => boolean): void {
    if (this.#wanted === enabled && this.enabled === enabled) return;
    this.#wanted = enabled;
    this.#context.timers.after(SWITCH_TIME, () => {
      if (this.#wanted === enabled && this.enabled !== enabled && (!enabled || permitted())) this.#switch(enabled);
    });
  }

  /** Runs the ring if software asked for it while it was not permitted. */
  startIfWanted(): void {
    if (this.#wanted && !this.enabled) this.#switch(true);
  }

  /** As after a reset. */
  reset(): void {
    this.#wanted = false;
    this.#switch(false);
    this.#context.doorbells[this.#bell] = QUIET;
  }

  moveTail(tail: number): void {
    const { judge, regions } = this.#context;
    if (!this.enabled) {
      if (tail !== 0) this.#record('tail-before-enable', `tail ${tail}`);
      this.tail = tail;
      return;
    }
    if (tail < 0 || tail >= this.count) {
      this.#record('tail-beyond-ring', `tail ${tail} of ${this.count} descriptors`);
      return;
    }
    regions.renew(this.#region);
    const given = this.distance(this.tail, tail);
    const owned = this.distance(this.head, this.tail);
    if (given === 0 && (owned === 0 || this.side === 'tx')) this.#record('tail-idle', `tail ${tail}`);
    if (given + owned >= this.count && given > 0) {
      this.#record('tail-passes-head', `head ${this.head}, tail ${this.tail} moved to ${tail}`);
    }
    if (judge.strict) this.#remember(this.tail, given);
    this.tail = tail;
  }

  /** Descriptors from index `from` up to, not including, `to`. */
  distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.count;
  }

  /** Strict mode: complains if software changed descriptor `index` after it had given it away. */
  verifyUnchanged(index: number): void {
    const at = this.base + index * DESCRIPTOR_WORDS;
    for (let word = 0; word < DESCRIPTOR_WORDS; word++) {
      if (this.words[at + word] === this.#given[index * DESCRIPTOR_WORDS + word]) continue;
      this.#record('descriptor-changed', `descriptor ${index}, word ${word}`);
      return;
    }
  }

  /** What software gets when it reads the head. */
  readHead(): number {
    if (this.enabled && this.head !== this.#headWhenRead && ++this.#headReads === POLLING) {
      this.#record('head-read', `${POLLING} times`);
    }
    this.#headWhenRead = this.head;
    return this.head;
  }

  /** Called when the ring's memory has gone while it ran. */
  lose(): void {
    this.#context.dmaFaults++;
    this.#record('ring-unmapped', 'taken away while the queue was enabled');
    this.#switch(false);
  }

  #switch(enabled: boolean): void {
    this.enabled = enabled && this.#locate();
    this.head = 0;
    this.#headWhenRead = 0;
    this.#headReads = 0;
    if (!this.enabled) {
      this.tail = 0;
      this.#region = NOWHERE;
    } else if (this.#context.doorbells[this.#bell] !== QUIET) {
      const tail = Atomics.exchange(this.#context.doorbells, this.#bell, QUIET);
      if (tail !== 0) this.#record('tail-before-enable', `tail ${tail}`);
      this.tail = tail;
    }
    this.onSwitch();
    if (!this.enabled) return;
    if (this.tail < 0 || this.tail >= this.count) this.tail = 0;
    if (this.#context.judge.strict) this.#remember(0, this.tail);
  }

  /** Finds the ring in memory; false if it breaks a rule. */
  #locate(): boolean {
    const { registers, regions } = this.#context;
    const names = RING_REGISTERS[this.side];
    const bytes = registers.get(names.length, this.queue);
    if (bytes <= 0 || bytes % RING_ALIGNMENT !== 0 || bytes > RING_MAXIMUM * DESCRIPTOR_BYTES) {
      this.#record('ring-length', `${bytes} bytes`);
      return false;
    }
    const low = registers.get(names.low, this.queue);
    const translator = new DmaTranslator(regions);
    const offset = translator.translate(low, registers.get(names.high, this.queue), bytes);
    if (offset < 0) {
      this.#context.dmaFaults++;
      this.#record('ring-unmapped', `${bytes} bytes at low address ${(low >>> 0).toString(16)}`);
      return false;
    }
    const { region } = translator;
    if (crossesPage(region, offset, bytes)) this.#record('ring-crosses-page', `pages of ${region.pageSize} bytes`);
    regions.renew(region);
    this.#region = region;
    this.words = region.words;
    this.pairs = new Float64Array(region.words.buffer, region.words.byteOffset, region.words.length >> 1);
    this.base = offset >>> 2;
    this.count = bytes / DESCRIPTOR_BYTES;
    if (this.#context.judge.strict) this.#given = new Int32Array(this.count * DESCRIPTOR_WORDS);
    return true;
  }

  #remember(from: number, given: number): void {
    for (let i = 0, index = from; i < given; i++, index = index + 1 === this.count ? 0 : index + 1) {
      const at = this.base + index * DESCRIPTOR_WORDS;
      for (let word = 0; word < DESCRIPTOR_WORDS; word++) {
        this.#given[index * DESCRIPTOR_WORDS + word] = this.words[at + word];
      }
    }
  }

  #record(rule: RingRule, found: string): void {
    this.#context.judge.record(`${this.side}.${rule}`, { queue: this.queue, found });
  }
}

type RingRule =
  | 'tail-before-enable'
  | 'tail-beyond-ring'
  | 'tail-passes-head'
  | 'tail-idle'
  | 'descriptor-changed'
  | 'head-read'
  | 'ring-length'
  | 'ring-unmapped'
  | 'ring-crosses-page';

/** Connects the rings of one side, by queue, to their registers. */
export function connectRings(context: ModelContext, rings: readonly DescriptorRing[], permitted: () => boolean): void {
  const { registers, judge } = context;
  const { side } = rings[0];
  const names = RING_REGISTERS[side];
  const enable = names.control.bits.ENABLE.mask;

  const whileEnabled = (queue: number, register: string): void => {
    if (rings[queue].enabled) judge.record(`${side}.configured-while-enabled`, { queue, register });
  };
  registers.onWrite(names.low, (value, _before, queue) => {
    whileEnabled(queue, 'base address');
    if (value % RING_ALIGNMENT !== 0) {
      judge.record(`${side}.ring-base`, { queue, found: (value >>> 0).toString(16) });
    }
    return value & -RING_ALIGNMENT;
  });
  registers.onWrite(names.high, (value, _before, queue) => {
    whileEnabled(queue, 'base address');
    return value;
  });
  registers.onWrite(names.length, (value, _before, queue) => {
    whileEnabled(queue, 'length');
    if (value % RING_ALIGNMENT !== 0) judge.record(`${side}.ring-length`, { queue, found: `${value} bytes` });
    return value & names.length.bits.LEN.mask & -RING_ALIGNMENT;
  });
  registers.onRead(names.head, (_stored, queue) => rings[queue].readHead());
  registers.onRead(names.tail, (_stored, queue) => {
    rings[queue].listen();
    return rings[queue].tail;
  });
  registers.onWrite(names.tail, (value, _before, queue) => {
    rings[queue].listen();
    rings[queue].moveTail(value & 0xffff);
    return 0;
  });
  registers.onRead(names.control, (stored, queue) => (stored & ~enable) | (rings[queue].enabled ? enable : 0));
  registers.onWrite(names.control, (value, _before, queue) => {
    rings[queue].want((value & enable) !== 0, permitted);
    return value;
  });
}
