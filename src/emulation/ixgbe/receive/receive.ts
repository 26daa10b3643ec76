/**
 * Receive (datasheet rev 3.4, section 7.1): from the wire through the filters into the descriptor rings. It is the sink
 * that the wire hands its frames to.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import type { FrameSink } from '../../wire.ts';
import type { ModelContext } from '../context.ts';
import { frameCheckSequence } from '../crc32.ts';
import { ABSOLUTE_MAXIMUM, CRC_BYTES, MINIMUM_FRAME, maximumFrame, tagBytes } from '../frame.ts';
import type { Interrupts } from '../interrupts.ts';
import {
  BROADCASTS,
  BUCKET_OF,
  FILTERED,
  FILTERED_BYTES,
  FRAME_BYTES,
  MISSED,
  MISSED_BYTES,
  MULTICASTS,
  OVERSIZED,
  OVERSIZED_BYTES,
  type Traffic,
} from '../statistics.ts';
import { ACCEPTED, BROADCAST, Filters, INEXACT, MULTICAST } from './address-filter.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { connectReceiveRegisters } from './receive-registers.ts';

const QUEUES = 128;

const { RXCTRL, HLREG0, EICR } = ixgbe;

export class Receive implements FrameSink {
  readonly filters: Filters;
  readonly queues: readonly ReceiveQueue[];
  /** Frames that arrived while RXCTRL.RXEN was off, or for a disabled queue. No register counts them. */
  discarded = 0;
  /** Frames that find no descriptor wait on the wire; see `WireEnd.flowControl`. */
  flowControl = false;
  readonly #context: ModelContext;
  readonly #traffic: Traffic;
  readonly #interrupts: Interrupts;
  #active: readonly ReceiveQueue[] = [];
  readonly #padded = new Uint8Array(64);
  /** The frame with its CRC behind it, where software wants to see that. */
  readonly #checked = new Uint8Array(ABSOLUTE_MAXIMUM);
  #receiving = false;
  #wasReceiving = false;
  #stripsCrc = true;
  #maximum = 0;

  /** `configured` is called when registers that concern both directions have changed. */
  constructor(context: ModelContext, traffic: Traffic, interrupts: Interrupts, configured: () => void) {
    this.#context = context;
    this.#traffic = traffic;
    this.#interrupts = interrupts;
    this.filters = new Filters(context);
    this.queues = Array.from({ length: QUEUES }, (_, queue) => new ReceiveQueue(context, queue, traffic));
    for (const { ring } of this.queues) {
      ring.onSwitch = () => {
        this.#active = this.queues.filter((queue) => queue.ring.enabled);
      };
    }
    connectReceiveRegisters(context, this.queues, () => {
      this.configure();
      configured();
    });
  }

  /** Whether frames on the wire are fetched: not before software has switched the receiver on for the first time. */
  get listening(): boolean {
    return this.#wasReceiving;
  }

  /** Whether any queue is enabled. */
  get running(): boolean {
    return this.#active.length > 0;
  }

  /** Takes over what the registers say. */
  configure(): void {
    const { registers } = this.#context;
    this.#receiving = (registers.get(RXCTRL) & RXCTRL.bits.RXEN.mask) !== 0;
    this.#wasReceiving ||= this.#receiving;
    this.#stripsCrc = (registers.get(HLREG0) & HLREG0.bits.RXCRCSTRP.mask) !== 0;
    this.#maximum = maximumFrame(registers);
    this.filters.invalidate();
  }

  reset(): void {
    for (const queue of this.queues) queue.reset();
    this.configure();
  }

  /** Sees which doorbells have rung. */
  listen(): void {
    const active = this.#active;
    for (let i = 0; i < active.length; i++) active[i].listen();
  }

  /** Writes back what this burst has completed. */
  finish(): void {
    const active = this.#active;
    for (let i = 0; i < active.length; i++) {
      const queue = active[i];
      if (queue.writeBack()) this.#interrupts.queueEvent('rx', queue.ring.queue);
    }
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.flowControl && !this.#hasRoom(length)) return false;
    if (!this.#receiving) {
      this.discarded++;
      return true;
    }
    if (length < MINIMUM_FRAME) return this.#deliverPadded(bytes, offset, length);
    const { totals } = this.#traffic;
    const size = length + CRC_BYTES;
    if (size > this.#maximum && size > this.#maximum + tagBytes(bytes, offset)) {
      totals[OVERSIZED]++;
      totals[OVERSIZED_BYTES] += size;
      return true;
    }
    totals[BUCKET_OF[size]]++;
    totals[FRAME_BYTES] += size;
    const verdict = this.filters.judge(bytes, offset);
    if ((verdict & ACCEPTED) === 0) {
      totals[FILTERED]++;
      totals[FILTERED_BYTES] += size;
      return true;
    }
    if ((verdict & (MULTICAST | BROADCAST)) !== 0) totals[(verdict & BROADCAST) !== 0 ? BROADCASTS : MULTICASTS]++;
    this.#store(bytes, offset, length, (verdict & INEXACT) !== 0);
    return true;
  }

  #store(bytes: Uint8Array, offset: number, length: number, inexact: boolean): void {
    const queue = this.queues[this.#selectQueue()];
    if (!queue.ring.enabled) {
      this.discarded++;
      return;
    }
    const stored = this.#stripsCrc
      ? queue.store(bytes, offset, length, inexact)
      : queue.store(this.#withCrc(bytes, offset, length), 0, length + CRC_BYTES, inexact);
    if (stored) return;
    if (queue.drops) this.#traffic.queueDrops[queue.ring.queue]++;
    else {
      this.#traffic.totals[MISSED]++;
      this.#traffic.totals[MISSED_BYTES] += length + CRC_BYTES;
      this.#interrupts.raiseOther(EICR.bits.RX_MISS.mask);
    }
  }

  /** Whether a frame could be stored, if the filters let it pass. */
  #hasRoom(length: number): boolean {
    return this.#receiving && this.queues[this.#selectQueue()].hasRoom(length + CRC_BYTES);
  }

  /** The queue of a frame (section 7.1.2): 0 while neither RSS nor other filters are in use. */
  #selectQueue(): number {
    return 0;
  }

  /** A medium carries nothing shorter: what a wire delivers was padded by the sender. */
  #deliverPadded(bytes: Uint8Array, offset: number, length: number): boolean {
    const padded = this.#padded;
    padded.fill(0);
    for (let i = 0; i < length; i++) padded[i] = bytes[offset + i];
    return this.deliver(padded, 0, MINIMUM_FRAME);
  }

  #withCrc(bytes: Uint8Array, offset: number, length: number): Uint8Array {
    const checked = this.#checked;
    for (let i = 0; i < length; i++) checked[i] = bytes[offset + i];
    const crc = frameCheckSequence(bytes, offset, length);
    for (let i = 0; i < CRC_BYTES; i++) checked[length + i] = (crc >>> (8 * i)) & 0xff;
    return checked;
  }
}
