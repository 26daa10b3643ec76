/** Transmit (datasheet rev 3.4, section 7.2): from the queues, round robin, through padding and CRC to the wire. */
import { TX_CMD_DEXT, TX_CMD_IFCS, TX_MAC_TIME_STAMP } from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import type { ModelContext } from '../context.ts';
import { frameCheckSequence } from '../crc32.ts';
import type { IxgbeFaults } from '../faults.ts';
import { ABSOLUTE_MAXIMUM, CRC_BYTES, MINIMUM_FRAME, maximumFrame, tagBytes } from '../frame.ts';
import type { Interrupts } from '../interrupts.ts';
import type { Link } from '../link/link.ts';
import { connectRings } from '../ring.ts';
import { BROADCASTS, BUCKET_OF, FRAME_BYTES, MULTICASTS, type Traffic } from '../statistics.ts';
import type { TimeStamps } from '../time/time-stamps.ts';
import { FrameAssembly } from './frame-assembly.ts';
import { OffloadEngine } from './offload-engine.ts';
import { TransmitContext } from './transmit-context.ts';
import { type FrameTaker, TransmitQueue } from './transmit-queue.ts';

const QUEUES = 128;
/** Advanced descriptors ask for a time stamp; the bit means something else in legacy ones. */
const STAMPED = TX_CMD_DEXT | TX_MAC_TIME_STAMP;
const { DMATXCTL, TXDCTL, HLREG0, RTTDCS, MTQC, DTXMXSZRQ, TDLEN } = ixgbe;
const { TE } = DMATXCTL.bits;

export class Transmit implements FrameTaker {
  readonly queues: readonly TransmitQueue[];
  readonly #context: ModelContext;
  readonly #traffic: Traffic;
  readonly #interrupts: Interrupts;
  readonly #link: Link;
  readonly #stamps: TimeStamps;
  readonly #faults: IxgbeFaults;
  #active: readonly TransmitQueue[] = [];
  /** Which of the active queues goes first in the next burst. */
  #turn = 0;
  readonly #padded = new Uint8Array(64);
  #maximum = 0;
  #control = 0;

  constructor(context: ModelContext, traffic: Traffic, interrupts: Interrupts, link: Link, stamps: TimeStamps) {
    this.#context = context;
    this.#traffic = traffic;
    this.#interrupts = interrupts;
    this.#link = link;
    this.#stamps = stamps;
    this.#faults = context.faults;
    const assembly = new FrameAssembly();
    const shared = { assembly, offloads: new OffloadEngine(context, assembly.bytes, new TransmitContext()) };
    this.queues = Array.from({ length: QUEUES }, (_, queue) => new TransmitQueue(context, queue, this, shared));
    for (const queue of this.queues) {
      queue.ring.onSwitch = () => {
        queue.restart();
        this.#active = this.queues.filter((queue) => queue.ring.enabled);
      };
    }
    this.#connect();
  }

  /** Whether any queue is enabled. */
  get running(): boolean {
    return this.#active.length > 0;
  }

  /** Takes over what the registers say. */
  configure(): void {
    this.#maximum = maximumFrame(this.#context.registers);
    this.#control = this.#context.registers.get(HLREG0);
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

  /** Sends up to `budget` packets, a fair share of each queue; returns how many. */
  send(budget: number): number {
    const active = this.#active;
    const queues = active.length;
    if (queues === 0 || this.#link.pausedUntil > this.#context.timers.now) return 0;
    const share = Math.ceil(budget / queues);
    let sent = 0;
    for (let i = 0; i < queues && sent < budget; i++) {
      const queue = active[(this.#turn + i) % queues];
      sent += queue.send(Math.min(share, budget - sent));
    }
    this.#turn = (this.#turn + 1) % queues;
    return sent;
  }

  /** Reports what has been completed: when there is enough of it, or the queue's interrupt is not held back any more. */
  finish(): void {
    const active = this.#active;
    for (let i = 0; i < active.length; i++) {
      const queue = active[i];
      let reported = queue.writeBack();
      if (!reported && queue.holdsBack && this.#interrupts.transmitDue(queue.ring.queue)) {
        queue.flush();
        reported = true;
      }
      if (reported) this.#interrupts.queueEvent('tx', queue.ring.queue);
    }
  }

  take(bytes: Uint8Array, offset: number, length: number, command: number, queue: number): boolean {
    const { sink } = this.#link;
    if (!sink || (this.#faults.armed && this.#faults.strikes('tx-stall'))) return false;
    const insertsCrc = (command & TX_CMD_IFCS) !== 0 && (this.#control & HLREG0.bits.TXCRCEN.mask) !== 0;
    const data = insertsCrc ? length : this.#withoutCrc(bytes, offset, length);
    if (data <= 0) return true;
    let frame = data;
    if (data >= MINIMUM_FRAME || (this.#control & HLREG0.bits.TXPADEN.mask) === 0) {
      if (data + CRC_BYTES > this.#maximum && this.#tooLong(bytes, offset, data, queue)) return true;
      if (!sink.deliver(bytes, offset, data)) return false;
    } else {
      this.#pad(bytes, offset, data);
      frame = MINIMUM_FRAME;
      if (!sink.deliver(this.#padded, 0, frame)) return false;
    }
    if (this.#stamps.sends && (command & STAMPED) === STAMPED) this.#stamps.stampSent();
    this.#count(bytes, offset, frame + CRC_BYTES, queue);
    return true;
  }

  #count(bytes: Uint8Array, offset: number, size: number, queue: number): void {
    const { totals, queuePackets, queueBytes } = this.#traffic;
    totals[BUCKET_OF[size]]++;
    totals[FRAME_BYTES] += size;
    queuePackets[queue]++;
    queueBytes[queue] += size;
    if ((bytes[offset] & 1) === 0) return;
    let broadcast = true;
    for (let i = 0; i < 6; i++) broadcast &&= bytes[offset + i] === 0xff;
    totals[broadcast ? BROADCASTS : MULTICASTS]++;
  }

  /** Frames beyond the limit: recorded; those beyond what the packet buffer takes do not leave. */
  #tooLong(bytes: Uint8Array, offset: number, length: number, queue: number): boolean {
    const size = length + CRC_BYTES;
    if (size > this.#maximum + tagBytes(bytes, offset)) {
      this.#context.judge.record('tx.packet-too-long', { queue, found: `${size} bytes of ${this.#maximum}` });
    }
    return size > ABSOLUTE_MAXIMUM;
  }

  #pad(bytes: Uint8Array, offset: number, length: number): void {
    for (let i = 0; i < MINIMUM_FRAME; i++) this.#padded[i] = i < length ? bytes[offset + i] : 0;
  }

  /** Software has put the CRC behind the data itself: wires carry none. */
  #withoutCrc(bytes: Uint8Array, offset: number, length: number): number {
    const data = length - CRC_BYTES;
    if (data <= 0) return 0;
    const crc = frameCheckSequence(bytes, offset, data);
    for (let i = 0; i < CRC_BYTES; i++) {
      if (bytes[offset + data + i] !== ((crc >>> (8 * i)) & 0xff)) {
        this.#context.judge.record('tx.check-sequence');
        break;
      }
    }
    return data;
  }

  #connect(): void {
    const { registers, judge } = this.#context;
    const mayRun = (): boolean => (registers.get(DMATXCTL) & TE.mask) !== 0;
    connectRings(
      this.#context,
      this.queues.map((queue) => queue.ring),
      mayRun,
    );
    const { PTHRESH, HTHRESH, ENABLE, SWFLSH } = TXDCTL.bits;
    registers.onWrite(TXDCTL, (value, _before, queue) => {
      const enables = (value & ENABLE.mask) !== 0;
      if (enables && !mayRun()) judge.record('tx.enable-before-dma', { queue, register: 'TXDCTL' });
      if (extract(PTHRESH, value) > 0 && extract(HTHRESH, value) === 0) {
        judge.record('tx.host-threshold', { queue, register: 'TXDCTL' });
      }
      this.queues[queue].configure(value);
      this.queues[queue].ring.want(enables, mayRun);
      if ((value & SWFLSH.mask) !== 0) this.queues[queue].flush();
      return value & ~SWFLSH.mask;
    });
    registers.onWrite(DMATXCTL, (value, before) => {
      if ((value & ~before & TE.mask) === 0) return value;
      registers.set(DMATXCTL, value);
      this.#inspectSetup();
      for (const { ring } of this.queues) ring.startIfWanted();
      // Queue 0 comes with it (section 8.2.3.9.10), if it has a ring already.
      if (registers.get(TDLEN) !== 0) {
        registers.set(TXDCTL, registers.get(TXDCTL) | ENABLE.mask);
        this.queues[0].ring.want(true, mayRun);
      }
      return value;
    });
    registers.onWrite(MTQC, (value, before) => {
      const halted = (registers.get(RTTDCS) & RTTDCS.bits.ARBDIS.mask) !== 0;
      if (value !== before && !halted) judge.record('tx.arbiter', { register: 'MTQC' });
      return value;
    });
  }

  /** What must be set before transmit DMA is switched on. */
  #inspectSetup(): void {
    const { registers, judge } = this.#context;
    const requests = registers.get(DTXMXSZRQ);
    if (requests !== 0xfff) judge.record('tx.read-requests', { register: 'DTXMXSZRQ', found: requests.toString(16) });
  }
}
