/**
 * Receive (datasheet rev 3.4, section 7.1): from the wire through the filters into the descriptor rings. It is the sink
 * that the wire hands its frames to.
 */
import { RX_STATUS_INEXACT, RX_STATUS_VLAN, RX_WB_VLAN_SHIFT } from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { NONE } from '../../packet-headers.ts';
import type { FrameSink } from '../../wire.ts';
import type { ModelContext } from '../context.ts';
import { frameCheckSequence } from '../crc32.ts';
import { ABSOLUTE_MAXIMUM, CRC_BYTES, MINIMUM_FRAME, maximumFrame, tagBytes } from '../frame.ts';
import type { Interrupts } from '../interrupts.ts';
import type { Link } from '../link/link.ts';
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
import type { TimeStamps } from '../time/time-stamps.ts';
import { ACCEPTED, AddressFilter, BROADCAST, INEXACT, MULTICAST } from './address-filter.ts';
import { Classifier } from './classifier.ts';
import { PauseFrames } from './pause-frames.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { connectReceiveRegisters } from './receive-registers.ts';
import { ReceiveReport } from './receive-report.ts';

const QUEUES = 128;

const TAG_OFFSET = 12;
const TAG_BYTES = 4;

const { RXCTRL, HLREG0, EICR } = ixgbe;

export class Receive implements FrameSink {
  readonly filters: AddressFilter;
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
  readonly #pauses: PauseFrames;
  readonly #classifier: Classifier;
  readonly #report = new ReceiveReport();
  /** The frame as software gets it, where that is not as it was on the wire. */
  readonly #shaped = new Uint8Array(ABSOLUTE_MAXIMUM);
  readonly #reportsAll: boolean;
  /** What this burst's frames need: a look at their headers, a change of their bytes. */
  #classifies = false;
  #shapes = false;
  #receiving = false;
  #wasReceiving = false;
  #stripsCrc = true;
  #maximum = 0;

  /**
   * `reportsAll`: report what frames are even to software that has switched nothing on. `configured` is called when registers that concern both directions have
   * changed.
   */
  constructor(
    context: ModelContext,
    traffic: Traffic,
    interrupts: Interrupts,
    link: Link,
    stamps: TimeStamps,
    reportsAll: boolean,
    configured: () => void,
  ) {
    this.#context = context;
    this.#traffic = traffic;
    this.#interrupts = interrupts;
    this.#reportsAll = reportsAll;
    this.filters = new AddressFilter(context);
    this.#pauses = new PauseFrames(context, traffic, link);
    this.#classifier = new Classifier(context, traffic, stamps);
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
    this.#classifier.reset();
    this.configure();
  }

  /** Sees which doorbells have rung, and what this burst's frames need. */
  listen(): void {
    const active = this.#active;
    let strips = false;
    for (let i = 0; i < active.length; i++) {
      active[i].listen();
      strips ||= active[i].strips;
    }
    this.#classifies = this.#reportsAll || strips || this.#classifier.wanted;
    if (!this.#classifies) this.#classifier.pass(this.#report);
    this.#report.vlan = 0;
    this.#shapes = strips || !this.#stripsCrc;
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
    const size = length + CRC_BYTES;
    if ((bytes[offset] & 1) !== 0 && this.#pauses.takes(bytes, offset, size)) return true;
    if (size > this.#maximum && this.#tooLong(bytes, offset, size)) return true;
    const { totals } = this.#traffic;
    totals[BUCKET_OF[size]]++;
    totals[FRAME_BYTES] += size;
    const verdict = this.filters.judge(bytes, offset);
    if ((verdict & ACCEPTED) === 0) return this.#reject(size);
    const report = this.#report;
    report.status = 0;
    if (this.#classifies && !this.#classifier.classify(bytes, offset, length, report)) return this.#reject(size);
    if (verdict !== ACCEPTED) this.#noteVerdict(verdict);
    this.#store(bytes, offset, length);
    return true;
  }

  /** Stores the frame that the classifier has looked at, or has not if that was not needed. */
  #store(bytes: Uint8Array, offset: number, length: number): void {
    const queue = this.queues[this.#classifier.queue];
    if (!queue.ring.enabled) this.discarded++;
    else if (this.#shapes) this.#storeShaped(queue, bytes, offset, length);
    else if (!queue.store(bytes, offset, length, this.#report)) this.#miss(queue, length);
  }

  /** Stores a frame without its VLAN tag, or with its CRC, if that is what software wants. */
  #storeShaped(queue: ReceiveQueue, bytes: Uint8Array, offset: number, length: number): void {
    const { tag } = this.#classifier;
    const report = this.#report;
    const strips = tag !== NONE && queue.strips;
    if (strips) report.status |= RX_STATUS_VLAN;
    report.vlan = strips ? tag << RX_WB_VLAN_SHIFT : 0;
    const size = this.#shape(bytes, offset, length, strips);
    if (!queue.store(this.#shaped, 0, size, report)) this.#miss(queue, length);
  }

  #tooLong(bytes: Uint8Array, offset: number, size: number): boolean {
    if (size <= this.#maximum + tagBytes(bytes, offset)) return false;
    const { totals } = this.#traffic;
    totals[OVERSIZED]++;
    totals[OVERSIZED_BYTES] += size;
    return true;
  }

  /** Counts a good frame that no filter lets pass. */
  #reject(size: number): true {
    const { totals } = this.#traffic;
    totals[FILTERED]++;
    totals[FILTERED_BYTES] += size;
    return true;
  }

  #noteVerdict(verdict: number): void {
    const { totals } = this.#traffic;
    if ((verdict & (MULTICAST | BROADCAST)) !== 0) totals[(verdict & BROADCAST) !== 0 ? BROADCASTS : MULTICASTS]++;
    if ((verdict & INEXACT) !== 0) this.#report.status |= RX_STATUS_INEXACT;
  }

  /** A frame that found no descriptors. */
  #miss(queue: ReceiveQueue, length: number): void {
    const { totals, queueDrops } = this.#traffic;
    if (queue.drops) {
      queueDrops[queue.ring.queue]++;
      return;
    }
    totals[MISSED]++;
    totals[MISSED_BYTES] += length + CRC_BYTES;
    this.#interrupts.raiseOther(EICR.bits.RX_MISS.mask);
  }

  /** Whether a frame could be stored, whichever queue it is for: a sender is paused for all of them. */
  #hasRoom(length: number): boolean {
    const active = this.#active;
    if (!this.#receiving || active.length === 0) return false;
    for (let i = 0; i < active.length; i++) if (!active[i].hasRoom(length + CRC_BYTES)) return false;
    return true;
  }

  /** A medium carries nothing shorter: what a wire delivers was padded by the sender. */
  #deliverPadded(bytes: Uint8Array, offset: number, length: number): boolean {
    const padded = this.#padded;
    padded.fill(0);
    for (let i = 0; i < length; i++) padded[i] = bytes[offset + i];
    return this.deliver(padded, 0, MINIMUM_FRAME);
  }

  /** Puts the frame into `#shaped`, without its tag and with its CRC as software wants it; its length there. */
  #shape(bytes: Uint8Array, offset: number, length: number, strips: boolean): number {
    const shaped = this.#shaped;
    let size = 0;
    for (let i = 0; i < length; i++) {
      if (strips && i >= TAG_OFFSET && i < TAG_OFFSET + TAG_BYTES) continue;
      shaped[size++] = bytes[offset + i];
    }
    if (this.#stripsCrc) return size;
    const crc = frameCheckSequence(shaped, 0, size);
    for (let i = 0; i < CRC_BYTES; i++) shaped[size++] = (crc >>> (8 * i)) & 0xff;
    return size;
  }
}
