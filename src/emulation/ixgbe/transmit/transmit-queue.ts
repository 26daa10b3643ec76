/** One transmit queue (datasheet rev 3.4, section 7.2): from descriptors to the wire, and descriptors written back. */
import {
  DESCRIPTOR_WORDS,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_DTYP_CONTEXT,
  TX_DTYP_MASK,
  TX_LENGTH_MASK,
  TX_READ_ADDRESS_HIGH,
  TX_READ_ADDRESS_LOW,
  TX_READ_COMMAND,
  TX_READ_STATUS,
  TX_STATUS_DD,
  TX_WB_STATUS,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { DmaTranslator } from '../../dma-translator.ts';
import { fence } from '../../fence.ts';
import type { ModelContext } from '../context.ts';
import { DescriptorRing } from '../ring.ts';
import type { FrameAssembly } from './frame-assembly.ts';
import { OFFLOAD_COMMANDS, OFFLOAD_STATUSES, type OffloadEngine } from './offload-engine.ts';
import { TransmitContexts } from './transmit-context.ts';
import { TransmitInspector } from './transmit-inspector.ts';

const { TXDCTL, TDWBAL, TDWBAH } = ixgbe;

/** Takes whole frames; false if the wire has no room now. */
export interface FrameTaker {
  take(bytes: Uint8Array, offset: number, length: number, command: number, queue: number): boolean;
}

/** What all queues of a port share, as one packet is made at a time. */
interface PacketMakers {
  readonly assembly: FrameAssembly;
  readonly offloads: OffloadEngine;
}

export class TransmitQueue {
  readonly ring: DescriptorRing;
  readonly #context: ModelContext;
  readonly #taker: FrameTaker;
  readonly #buffers: DmaTranslator;
  /** Apart from that of the buffers: bytes may be found elsewhere to be read than to be written. */
  readonly #headPlace: DmaTranslator;
  readonly #assembly: FrameAssembly;
  readonly #offloads: OffloadEngine;
  readonly #contexts: TransmitContexts;
  readonly #inspector: TransmitInspector;
  readonly #strict: boolean;
  /** Frames of the packet at the head that have left already: the wire had no room for more. */
  #left = 0;
  #writeBackThreshold = 0;
  /** Descriptors that are done and not yet reported: the first of them and their number. */
  #firstPending = 0;
  #pending = 0;
  /** Some of them asked for a report. */
  #reportWanted = false;

  constructor(context: ModelContext, queue: number, taker: FrameTaker, shared: PacketMakers) {
    this.#context = context;
    this.#taker = taker;
    this.#strict = context.judge.strict;
    this.#buffers = new DmaTranslator(context.regions);
    this.#headPlace = new DmaTranslator(context.regions);
    this.#assembly = shared.assembly;
    this.#offloads = shared.offloads;
    this.#contexts = new TransmitContexts();
    this.ring = new DescriptorRing(context, 'tx', queue);
    this.#inspector = new TransmitInspector(context, this.ring, this.#buffers, this.#contexts);
  }

  /** Takes over what TXDCTL says. */
  configure(txdctl: number): void {
    this.#writeBackThreshold = extract(TXDCTL.bits.WTHRESH, txdctl);
  }

  /** The ring was switched on or off: nothing that was sent before awaits a report. */
  restart(): void {
    this.#pending = 0;
    this.#left = 0;
    this.#reportWanted = false;
    this.#contexts.reset();
    this.#inspector.restart();
  }

  reset(): void {
    this.ring.reset();
    this.configure(this.#context.registers.get(TXDCTL, this.ring.queue));
  }

  listen(): void {
    const { ring } = this;
    if (!ring.usable) ring.lose();
    else ring.listen();
  }

  /** Sends up to `budget` packets; returns how many. */
  send(budget: number): number {
    const { ring } = this;
    let sent = 0;
    while (sent < budget && ring.head !== ring.tail) {
      const at = ring.base + ring.head * DESCRIPTOR_WORDS;
      const command = ring.words[at + TX_READ_COMMAND];
      const descriptors = (command & TX_CMD_EOP) !== 0 || isContext(command) ? 1 : this.#packetDescriptors();
      if (descriptors === 0 || !this.#sendPacket(at, command, descriptors)) break;
      if (this.#strict) this.#inspector.inspect(descriptors);
      if (descriptors === 1) this.#completeOne(command);
      else this.#complete(descriptors);
      sent++;
    }
    return sent;
  }

  /** Descriptors are done that wait for more of them, with WTHRESH > 0. */
  get holdsBack(): boolean {
    return this.#pending > 0 && this.#writeBackThreshold > 0;
  }

  /** Reports what is due; true if anything was. */
  writeBack(): boolean {
    if (this.#pending === 0) return false;
    const threshold = this.#writeBackThreshold;
    const due = threshold === 0 ? this.#reportWanted : this.#pending >= threshold;
    if (due) this.flush();
    else if (threshold === 0) this.#pending = 0; // nobody asked: these are never reported
    return due;
  }

  /** Reports everything that is done: DD in each descriptor with RS, or the head where TDWBAL points. */
  flush(): void {
    const { words, base, count, queue, head, usable } = this.ring;
    const pending = this.#pending;
    this.#pending = 0;
    this.#reportWanted = false;
    if (!usable || pending === 0) return;
    fence();
    const { registers } = this.#context;
    const headAddress = registers.get(TDWBAL, queue);
    if ((headAddress & TDWBAL.bits.HEAD_WB_EN.mask) !== 0) {
      this.#writeHead(headAddress & TDWBAL.bits.HEADWB_LOW.mask, registers.get(TDWBAH, queue), head);
      return;
    }
    const all = this.#writeBackThreshold > 0;
    for (let i = 0, index = this.#firstPending; i < pending; i++) {
      const at = base + index * DESCRIPTOR_WORDS;
      if (all || (words[at + TX_READ_COMMAND] & TX_CMD_RS) !== 0) words[at + TX_WB_STATUS] |= TX_STATUS_DD;
      if (++index === count) index = 0;
    }
  }

  /** Sends the packet that begins at word `at` and takes `descriptors`. False if the wire has no room. */
  #sendPacket(at: number, command: number, descriptors: number): boolean {
    const { words, queue } = this.ring;
    if (isContext(command)) {
      this.#contexts.load(words, at);
      return true;
    }
    const offloads = (command & OFFLOAD_COMMANDS) | (words[at + TX_READ_STATUS] & OFFLOAD_STATUSES);
    if (offloads !== 0) return this.#sendOffloaded(at, command, descriptors);
    if (descriptors > 1) {
      const total = this.#assembly.gather(this.ring, descriptors, this.#buffers);
      if (total < 0) return this.#lose();
      return total === 0 || this.#taker.take(this.#assembly.bytes, 0, total, command, queue);
    }
    const length = command & TX_LENGTH_MASK;
    if (length === 0) return true;
    const offset = this.#buffers.translate(words[at + TX_READ_ADDRESS_LOW], words[at + TX_READ_ADDRESS_HIGH], length);
    if (offset < 0) return this.#lose();
    return this.#taker.take(this.#buffers.region.bytes, offset, length, command, queue);
  }

  /** A packet that is changed, or cut, on its way. */
  #sendOffloaded(at: number, command: number, descriptors: number): boolean {
    const offloads = this.#offloads;
    const total = this.#assembly.gather(this.ring, descriptors, this.#buffers);
    if (total < 0) return this.#lose();
    if (total === 0) return true;
    const status = this.ring.words[at + TX_READ_STATUS];
    const frames = offloads.begin(total, command, status, this.#contexts.named(status));
    for (; this.#left < frames; this.#left++) {
      const length = offloads.build(this.#left);
      if (!this.#taker.take(offloads.bytes, 0, length, command, this.ring.queue)) return false;
    }
    this.#left = 0;
    return true;
  }

  /** A read of an unmapped address fails: the packet is lost, and the queue goes on. */
  #lose(): true {
    this.#context.dmaFaults++;
    return true;
  }

  /** Descriptors from the head up to and with EOP; 0 if software has not given them all yet. */
  #packetDescriptors(): number {
    const { words, base, head, tail, count } = this.ring;
    for (let index = head, descriptors = 1; index !== tail; descriptors++) {
      if ((words[base + index * DESCRIPTOR_WORDS + TX_READ_COMMAND] & TX_CMD_EOP) !== 0) return descriptors;
      if (++index === count) index = 0;
    }
    return 0;
  }

  #complete(descriptors: number): void {
    const { ring } = this;
    for (let i = 0; i < descriptors; i++) {
      this.#completeOne(ring.words[ring.base + ring.head * DESCRIPTOR_WORDS + TX_READ_COMMAND]);
    }
  }

  #completeOne(command: number): void {
    const { ring } = this;
    const { head } = ring;
    if (this.#pending === 0) this.#firstPending = head;
    if ((command & TX_CMD_RS) !== 0) this.#reportWanted = true;
    ring.head = head + 1 === ring.count ? 0 : head + 1;
    this.#pending++;
  }

  #writeHead(low: number, high: number, head: number): void {
    const offset = this.#headPlace.translate(low, high, 4);
    if (offset >= 0) this.#headPlace.region.words[offset >>> 2] = head;
    else this.#context.dmaFaults++;
  }
}

function isContext(command: number): boolean {
  return (command & (TX_CMD_DEXT | TX_DTYP_MASK)) === (TX_CMD_DEXT | TX_DTYP_CONTEXT);
}
