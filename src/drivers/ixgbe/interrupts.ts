/**
 * Interrupts (82599 datasheet rev 3.4, sections 4.6.5 and 7.3): a vector for each receive queue, and one for the rest, of
 * which the link matters. A queue's vector is masked until somebody arms it, and again as soon as it has fired: a loop that
 * polls is never interrupted. Transmit queues do not interrupt; their descriptors are looked at when more are needed.
 *
 * Without MSI-X there is one interrupt for all, and causes are read from EICR.
 */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { IxyError } from '../../errors.ts';
import type { Interrupt, PciInterrupts } from '../../pci/pci-device.ts';
import { InterruptLine, QueueInterrupt } from '../interrupt-line.ts';
import type { ResolvedOptions } from './options.ts';
import type { Registers } from './registers.ts';
import type { RxQueue } from './rx-queue.ts';

/** The 82599's own limit (7.3.1). */
const MAXIMUM_VECTORS = 64;
/** Causes of queues that EICR has bits for. */
const QUEUE_CAUSES = 16;
const ALL_QUEUE_CAUSES = 0xffff;
const LINK_CHANGE = ixgbe.EICR.bits.LSC.mask;
const MICROSECONDS_PER_INTERVAL = 2;

/** Enables what the device has, and gives the queues their interrupts; undefined if there are none, or none are wanted. */
export function enableInterrupts(
  registers: Registers,
  rx: readonly RxQueue[],
  options: ResolvedOptions,
): DeviceInterrupts | undefined {
  const { interrupts } = registers.device;
  if (!interrupts || !options.interrupts) return undefined;
  return new DeviceInterrupts(registers, interrupts, rx, options.interruptThrottle);
}

/** Where a vector is in EIMS_EXT and EIMC_EXT. */
export function vectorBit(vector: number): { readonly word: number; readonly mask: number } {
  return { word: vector >>> 5, mask: 2 ** (vector & 31) };
}

export class DeviceInterrupts {
  readonly #registers: Registers;
  readonly #source: PciInterrupts;
  readonly #rx: readonly RxQueue[];
  /** MSI-X messages, by vector; none without. */
  readonly #messages: readonly Interrupt[];
  readonly #lines: readonly InterruptLine[];
  #onLinkChange: () => void = () => {};

  /** `throttle`: microseconds. Throws what `PciInterrupts.enable` throws. */
  constructor(registers: Registers, source: PciInterrupts, rx: readonly RxQueue[], throttle: number) {
    this.#registers = registers;
    this.#source = source;
    this.#rx = rx;
    const messages = source.kind === 'msix' && source.maximum > 1;
    const vectors = messages ? Math.min(rx.length + 1, source.maximum, MAXIMUM_VECTORS) : 1;
    const interrupts = source.enable(vectors);
    const interval = { ITR_INTERVAL: throttle / MICROSECONDS_PER_INTERVAL };
    for (let vector = 0; vector < vectors; vector++) registers.assign('EITR', interval, vector);
    this.#messages = messages ? interrupts : [];
    this.#lines = messages ? this.#useMessages(interrupts) : [this.#useOne(interrupts[0])];
  }

  /** Has link changes reported from now on. */
  watchLink(onLinkChange: () => void): void {
    this.#onLinkChange = onLinkChange;
    this.#lines[this.#lines.length - 1].handle(true);
    this.#registers.assign('EIMS', { LSC: 1 });
  }

  /**
   * Receive queue `index` goes to another thread, and here has no interrupt any more. The eventfd of its vector, which
   * has its number: undefined if other queues have that vector, too, or there are none.
   */
  lend(index: number): number | undefined {
    const queue = this.#rx[index];
    queue.interrupt?.handle(undefined);
    queue.interrupt?.disarm();
    queue.interrupt = undefined;
    return this.#hasOwnVector ? this.#messages[index].descriptor : undefined;
  }

  /** Receive queue `index` does not interrupt any more, if its vector is its own. */
  mask(index: number): void {
    if (!this.#hasOwnVector) return;
    const { word, mask } = vectorBit(index);
    this.#registers.write('EIMC_EXT', mask, word);
  }

  /** The device is gone: wakes everybody who waits, as there is nothing left to wait for. */
  giveUp(): void {
    for (const line of this.#lines) line.close();
  }

  /** No interrupt comes any more. The caller has masked them in the device, if it still answers. */
  disable(): void {
    this.giveUp();
    this.#source.disable();
  }

  /**
   * MSI-X: queue n has vector n, unless there are too few and some share; the last one has the rest. A vector clears its
   * cause (EIAC) and masks itself (EIAM with GPIE.EIAME) when its message is sent.
   */
  #useMessages(interrupts: readonly Interrupt[]): InterruptLine[] {
    const registers = this.#registers;
    const last = interrupts.length - 1;
    registers.assign('GPIE', { MULTIPLE_MSIX: 1, OCD: 1, EIAME: 1, PBA_SUPPORT: 1 });
    registers.assign('EIAC', { RTX_QUEUE: ALL_QUEUE_CAUSES });
    registers.assign('EIAM', { RTX_QUEUE: ALL_QUEUE_CAUSES });
    registers.writeAll('EIAM_EXT', 0xffff_ffff);
    const lines = interrupts.map((interrupt, vector) => {
      return new InterruptLine(interrupt, vector === last ? () => this.#readCauses() : () => true);
    });
    for (const [index, queue] of this.#rx.entries()) {
      const vector = index % last;
      this.#mapQueue(index, vector);
      const bit = vectorBit(vector);
      const write = (name: 'EIMS_EXT' | 'EIMC_EXT') =>
        this.#unlessGone(() => registers.write(name, bit.mask, bit.word), undefined);
      queue.interrupt = new QueueInterrupt(lines[vector], {
        unmask: () => write('EIMS_EXT'),
        mask: () => write('EIMC_EXT'),
      });
    }
    registers.assign('IVAR_MISC', { INT_ALLOC1: last, INT_ALLOC_VAL1: 1 });
    return lines;
  }

  /** MSI or INTx: queues' causes mask themselves when EICR is read (EIAM), which also withdraws the interrupt. */
  #useOne(interrupt: Interrupt): InterruptLine {
    const registers = this.#registers;
    registers.write('GPIE', 0);
    registers.assign('EIAM', { RTX_QUEUE: ALL_QUEUE_CAUSES });
    const line = new InterruptLine(interrupt, () => {
      const queues = this.#readCauses();
      interrupt.unmask();
      return queues;
    });
    for (const [index, queue] of this.#rx.entries()) {
      const cause = index % QUEUE_CAUSES;
      this.#mapQueue(index, cause);
      queue.interrupt = new QueueInterrupt(line, {
        unmask: () => this.#unlessGone(() => registers.assign('EIMS', { RTX_QUEUE: 2 ** cause }), undefined),
        mask: () => this.#unlessGone(() => registers.assign('EIMC', { RTX_QUEUE: 2 ** cause }), undefined),
      });
    }
    return line;
  }

  /** Each receive queue has a vector of its own, of the same number. */
  get #hasOwnVector(): boolean {
    return this.#messages.length > this.#rx.length;
  }

  /** Whom receive queue `index` interrupts: IVAR has two queues a register, and two entries a queue. */
  #mapQueue(index: number, vector: number): void {
    const fields =
      index % 2 === 0 ? { INT_ALLOC0: vector, INT_ALLOC_VAL0: 1 } : { INT_ALLOC2: vector, INT_ALLOC_VAL2: 1 };
    this.#registers.update('IVAR', fields, index >>> 1);
  }

  /** Reads, and by that clears, the causes; whether queues are among them. */
  #readCauses(): boolean {
    const causes = this.#unlessGone(() => this.#registers.read('EICR'), 0);
    if ((causes & LINK_CHANGE) !== 0) this.#onLinkChange();
    return (causes & ALL_QUEUE_CAUSES) !== 0;
  }

  /** What `access` returns; `otherwise` if the device is gone. Nobody who waits or polls shall stumble over that. */
  #unlessGone<T>(access: () => T, otherwise: T): T {
    try {
      return access();
    } catch (error) {
      if (!(error instanceof IxyError && error.code === 'ERR_DEVICE_GONE')) throw error;
      this.giveUp();
      return otherwise;
    }
  }
}
