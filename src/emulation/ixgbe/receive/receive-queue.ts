/** One receive queue (datasheet rev 3.4, sections 7.1.5 to 7.1.9): frames into buffers, and descriptors written back. */
import {
  DESCRIPTOR_WORDS,
  RX_DESCTYPE_LEGACY,
  RX_LEGACY_ERRORS_SHIFT,
  RX_LEGACY_LENGTH_CHECKSUM,
  RX_LEGACY_STATUS_VLAN,
  RX_READ_ADDRESS_HIGH,
  RX_READ_ADDRESS_LOW,
  RX_READ_HEADER_LOW,
  RX_STATUS_DD,
  RX_STATUS_EOP,
  RX_WB_LENGTH_VLAN,
  RX_WB_RSS_HASH,
  RX_WB_STATUS_ERROR,
  RX_WB_TYPE_HEADER,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { crossesPage } from '../../dma-regions.ts';
import { DmaTranslator } from '../../dma-translator.ts';
import { fence } from '../../fence.ts';
import type { ModelContext } from '../context.ts';
import type { IxgbeFaults } from '../faults.ts';
import { maximumFrame } from '../frame.ts';
import { DescriptorRing } from '../ring.ts';
import type { Traffic } from '../statistics.ts';
import type { ReceiveReport } from './receive-report.ts';

const { SRRCTL } = ixgbe;
const KIBIBYTE = 1024;
const DESCRIPTOR_PAIRS = DESCRIPTOR_WORDS / 2;
/** Where length and status are in the second half of a descriptor, advanced and legacy. */
const STATUS = RX_WB_STATUS_ERROR - 2;
const LENGTH = RX_WB_LENGTH_VLAN - 2;
const LEGACY_LENGTH = RX_LEGACY_LENGTH_CHECKSUM - 2;
const LEGACY_STATUS_WORD = RX_LEGACY_STATUS_VLAN - 2;
/** Status bits that legacy descriptors have at the same places. */
const LEGACY_STATUS = 0xfb;

export class ReceiveQueue {
  readonly ring: DescriptorRing;
  /** VLAN tags are taken out (RXDCTL.VME). */
  strips = false;
  /** Frames are dropped, and counted for the queue, when no descriptor is left (SRRCTL.DROP_EN). */
  drops = false;
  readonly #context: ModelContext;
  readonly #traffic: Traffic;
  readonly #buffers: DmaTranslator;
  /** Apart from that of the frames: to inspect a whole buffer must not change where its first bytes are found. */
  readonly #inspected: DmaTranslator;
  readonly #faults: IxgbeFaults;
  readonly #strict: boolean;
  #bufferSize = 2 * KIBIBYTE;
  #legacy = false;
  /** Descriptors that are filled and await the end of the burst: the first one and their number. */
  #firstPending = 0;
  #pending = 0;
  /**
   * Their last two words, length and status, by index, and the same as pairs. Software may look at either word first to see
   * whether a descriptor is done, so that both must change in one store.
   */
  #images = new Int32Array(0);
  #imagePairs = new Float64Array(0);

  constructor(context: ModelContext, queue: number, traffic: Traffic) {
    this.#context = context;
    this.#traffic = traffic;
    this.#faults = context.faults;
    this.#strict = context.judge.strict;
    this.#buffers = new DmaTranslator(context.regions);
    this.#inspected = new DmaTranslator(context.regions);
    this.ring = new DescriptorRing(context, 'rx', queue);
  }

  /** Takes over what SRRCTL says. */
  configure(srrctl: number): void {
    this.#bufferSize = extract(SRRCTL.bits.BSIZEPACKET, srrctl) * KIBIBYTE;
    this.#legacy = extract(SRRCTL.bits.DESCTYPE, srrctl) === RX_DESCTYPE_LEGACY;
    this.drops = extract(SRRCTL.bits.DROP_EN, srrctl) !== 0;
  }

  reset(): void {
    this.#pending = 0;
    this.strips = false;
    this.ring.reset();
    this.configure(this.#context.registers.get(SRRCTL, this.ring.queue));
  }

  listen(): void {
    const { ring } = this;
    if (!ring.usable) ring.lose();
    else ring.listen();
    if (this.#imagePairs.length < ring.count) this.#makeImages(ring.count);
  }

  /** Whether there are descriptors enough for a frame of `length` bytes. */
  hasRoom(length: number): boolean {
    const { ring } = this;
    return ring.enabled && ring.distance(ring.head, ring.tail) * this.#bufferSize >= length;
  }

  /** Puts a frame into as many buffers as it takes. False if there are not enough descriptors. */
  store(bytes: Uint8Array, offset: number, length: number, report: ReceiveReport): boolean {
    const { ring } = this;
    const size = this.#bufferSize;
    if (!this.hasRoom(length)) return false;
    if (this.#pending === 0) this.#firstPending = ring.head;
    let from = offset;
    let left = length;
    while (left > size) {
      this.#fill(bytes, from, size, RX_STATUS_DD, report);
      from += size;
      left -= size;
    }
    const status = this.#legacy ? legacyStatus(report) : report.status;
    this.#fill(bytes, from, left, RX_STATUS_DD | RX_STATUS_EOP | status, report);
    if (this.#faults.armed) this.#misbehave();
    const { queue } = ring;
    this.#traffic.queuePackets[queue]++;
    this.#traffic.queueBytes[queue] += length;
    return true;
  }

  /** Makes everything stored since the last call visible to software, data first. True if there was anything. */
  writeBack(): boolean {
    const pending = this.#pending;
    if (pending === 0) return false;
    this.#pending = 0;
    const { pairs, base, count, usable } = this.ring;
    if (!usable) return false;
    fence();
    const images = this.#imagePairs;
    for (let i = 0, index = this.#firstPending, first = (base >>> 1) + 1; i < pending; i++) {
      pairs[first + index * DESCRIPTOR_PAIRS] = images[index];
      if (++index === count) index = 0;
    }
    return true;
  }

  #makeImages(count: number): void {
    this.#imagePairs = new Float64Array(count);
    this.#images = new Int32Array(this.#imagePairs.buffer);
  }

  /** Uses one descriptor. */
  #fill(bytes: Uint8Array, from: number, length: number, status: number, report: ReceiveReport): void {
    const { ring } = this;
    const { words, head } = ring;
    const at = ring.base + head * DESCRIPTOR_WORDS;
    if (this.#strict) this.#inspect(at);
    const to = this.#buffers.translate(words[at + RX_READ_ADDRESS_LOW], words[at + RX_READ_ADDRESS_HIGH], length);
    // A write to an unmapped address is lost on its way, and the device does not learn of it.
    if (to >= 0) this.#buffers.region.copier.copy(bytes, from, to, length);
    else this.#context.dmaFaults++;
    const images = this.#images;
    if (this.#legacy) {
      images[2 * head + LEGACY_LENGTH] = length;
      images[2 * head + LEGACY_STATUS_WORD] = status;
    } else {
      words[at + RX_WB_TYPE_HEADER] = report.type;
      words[at + RX_WB_RSS_HASH] = report.hash;
      images[2 * head + STATUS] = status;
      images[2 * head + LENGTH] = length | report.vlan;
    }
    this.#pending++;
    ring.head = head + 1 === ring.count ? 0 : head + 1;
  }

  /** Injected faults strike the last descriptor of the frame just stored. */
  #misbehave(): void {
    const { ring } = this;
    const faults = this.#faults;
    const last = (ring.head === 0 ? ring.count : ring.head) - 1;
    const images = this.#images;
    const legacy = this.#legacy;
    if (faults.strikes('rx-missing-eop')) images[2 * last + (legacy ? LEGACY_STATUS_WORD : STATUS)] &= ~RX_STATUS_EOP;
    const wrong = faults.strikes('rx-wrong-length');
    if (wrong) images[2 * last + (legacy ? LEGACY_LENGTH : LENGTH)] = wrong.length & 0xffff;
  }

  /**
   * Strict mode: is the descriptor as it was given, and in reach what the largest frame takes of its buffer? SRRCTL tells of
   * whole KiB, so that a driver may well have mapped less.
   */
  #inspect(at: number): void {
    const { judge, registers } = this.#context;
    const { ring } = this;
    const { words, queue, head } = ring;
    ring.verifyUnchanged(head);
    const found = `descriptor ${head}`;
    if (!this.#legacy && (words[at + RX_READ_HEADER_LOW] & RX_STATUS_DD) !== 0) {
      judge.record('rx.descriptor-done-set', { queue, found });
    }
    const size = Math.min(this.#bufferSize, maximumFrame(registers));
    const whole = this.#inspected.translate(words[at + RX_READ_ADDRESS_LOW], words[at + RX_READ_ADDRESS_HIGH], size);
    if (whole < 0) judge.record('rx.buffer-unmapped', { queue, found });
    else if (crossesPage(this.#inspected.region, whole, size)) judge.record('rx.buffer-crosses-page', { queue, found });
  }
}

/** A report in the layout of legacy descriptors (section 7.1.5). */
function legacyStatus({ status, vlan }: ReceiveReport): number {
  return (status & LEGACY_STATUS) | ((status >>> 24) << RX_LEGACY_ERRORS_SHIFT) | vlan;
}
