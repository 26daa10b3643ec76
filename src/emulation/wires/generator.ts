/**
 * A packet generator as the far end: it sends numbered UDP frames to the NIC, at a rate or as fast as they are taken, and
 * finds out what comes back. There is one frame; from one to the next only its number and its checksum are written.
 */
import { checkInteger } from '../../errors.ts';
import type { PacketDescription } from '../../packets/packet-description.ts';
import { SequenceChecker } from '../../packets/sequence-checker.ts';
import { PacketStamper } from '../../packets/stamper.ts';
import { PacketTemplate } from '../../packets/template.ts';
import type { FrameSink } from '../wire.ts';
import {
  BYTES,
  CHECK_CORRUPTED,
  CHECK_DUPLICATED,
  CHECK_FOREIGN,
  CHECK_LOST,
  CHECK_REORDERED,
  CHECK_UNIQUE,
  ENDED,
  FRAMES,
  RECEIVED,
  SENT,
  type Wire,
  type WireCounters,
  wireCounters,
} from './counters.ts';
import { Pacer } from './pacer.ts';

export interface GeneratorOptions {
  /** What to send, over UDP. Default: 60 bytes from 198.18.0.1 to 198.18.0.2 (RFC 2544), to `destinationMac`. */
  readonly packet?: PacketDescription;
  /** Bytes of the default packet, without CRC; 60 … 9018. */
  readonly size?: number;
  /** Where the default packet goes, which should be the NIC. Default: broadcast. */
  readonly destinationMac?: string;
  /** Frames to send; default: without end. */
  readonly count?: number;
  /** How long to send from the first frame on, in nanoseconds of the model's time; default: without end. */
  readonly duration?: number;
  /**
   * What to begin with: at once (default), or with the first frame that the NIC sends, which is not checked: so nothing
   * is lost before its program is ready.
   */
  readonly start?: 'now' | 'frame';
  /** Frames per second of the model's time; default: as many as the NIC takes. */
  readonly framesPerSecond?: number;
  /** Checks order, number and content of what comes back (default), or only counts it, which is faster. */
  readonly check?: boolean;
}

export class GeneratorWire implements Wire {
  readonly speed = 10_000;
  connected = true;
  readonly counters: WireCounters;
  flowControl = false;
  readonly #frame: Uint8Array;
  readonly #stamper: PacketStamper;
  readonly #checker: SequenceChecker | undefined;
  readonly #pacer: Pacer;
  #started: boolean;
  #left: number;
  readonly #duration: number;
  /** When the first frame could be sent. */
  #begin = Number.NaN;
  /** The frame bears a number that has not been sent yet. */
  #stamped = false;

  /** Throws `ERR_ARGUMENT` if the packet has no UDP header or no room for a number. */
  constructor(options: GeneratorOptions = {}, counters: WireCounters = wireCounters()) {
    const { size = 60, destinationMac = 'ff:ff:ff:ff:ff:ff', check = true } = options;
    const { count = Number.MAX_SAFE_INTEGER, duration = Number.POSITIVE_INFINITY } = options;
    checkInteger('frames to generate', count, 0, Number.MAX_SAFE_INTEGER);
    const template = new PacketTemplate(options.packet ?? defaultPacket(size, destinationMac));
    this.counters = counters;
    this.#frame = template.bytes.slice();
    this.#stamper = new PacketStamper(template, { sequence: true });
    this.#checker = check ? new SequenceChecker({ template }) : undefined;
    this.#pacer = new Pacer(options.framesPerSecond);
    this.#started = options.start !== 'frame';
    this.#left = count;
    this.#duration = duration;
    counters[ENDED] = count === 0 ? 1 : 0;
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    const frame = this.#frame;
    if (!this.#started) return 0;
    if (this.#isOver(now)) this.#left = 0;
    const limit = Math.min(budget, this.#left, this.#pacer.allowance(now));
    let sent = 0;
    for (; sent < limit; sent++) {
      if (!this.#stamped) this.#stamper.stamp(frame, 0);
      this.#stamped = !sink.deliver(frame, 0, frame.length);
      if (this.#stamped) break;
    }
    this.#pacer.spend(sent);
    this.#left -= sent;
    if (this.#left === 0) this.counters[ENDED] = 1;
    this.counters[RECEIVED + FRAMES] += sent;
    this.counters[RECEIVED + BYTES] += sent * frame.length;
    return sent;
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    this.counters[SENT + FRAMES]++;
    this.counters[SENT + BYTES] += length;
    if (!this.#started) this.#started = true;
    else if (this.#checker) this.#check(this.#checker, bytes, offset, length);
    return true;
  }

  close(): void {
    this.connected = false;
  }

  #isOver(now: number): boolean {
    if (Number.isNaN(this.#begin)) this.#begin = now;
    return now - this.#begin >= this.#duration;
  }

  #check(checker: SequenceChecker, bytes: Uint8Array, offset: number, length: number): void {
    checker.check(bytes, offset, length);
    const counters = this.counters;
    counters[CHECK_UNIQUE] = checker.unique;
    counters[CHECK_LOST] = checker.lost;
    counters[CHECK_DUPLICATED] = checker.duplicated + checker.stale;
    counters[CHECK_REORDERED] = checker.reordered;
    counters[CHECK_CORRUPTED] = checker.corrupted;
    counters[CHECK_FOREIGN] = checker.foreign;
  }
}

/** Benchmark addresses of RFC 2544, C.2.2, and a locally administered MAC. */
function defaultPacket(size: number, destination: string): PacketDescription {
  return {
    size,
    ethernet: { source: '02:00:00:00:00:fe', destination },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { sourcePort: 42, destinationPort: 1337 },
  };
}
