/** The far end of a generator: finds out what became of numbered packets on their way. */
import { checkInteger, IxyError } from '../errors.ts';
import { DEFAULT_SEQUENCE_MAGIC, SEQUENCE_STAMP_LENGTH, SequenceView } from './sequence.ts';
import { PacketStack } from './stack.ts';
import type { PacketTemplate } from './template.ts';
import { checksumsValid } from './verify.ts';

/** Numbers whose upper half is this or more are not exact in JavaScript, and nothing here writes them. */
const HIGH_LIMIT = 0x20_0000;

/** What the checker knows beforehand. */
export interface SequenceCheckerOptions {
  /** Default: `DEFAULT_SEQUENCE_MAGIC`. */
  readonly magic?: number;
  /** The number that the stream begins with; default 0. */
  readonly first?: number;
  /**
   * How far behind the highest number a packet may come and still be told from a duplicate: a power of two from 32 to
   * 2^30, a bit of memory each. Default 2^20 (128 KiB).
   */
  readonly window?: number;
  /** What the packets were made from: their payload behind the stamp must be the same, byte for byte. */
  readonly template?: PacketTemplate;
}

/**
 * Counts what arrives of one numbered stream. Every frame checked falls into exactly one of `unique`, `duplicated`,
 * `stale`, `corrupted` and `foreign`. Memory is fixed at creation; nothing is allocated per packet.
 */
export class SequenceChecker {
  /** Numbered packets that arrived whole, for the first time. */
  unique = 0;
  /** Of `unique`: those that came after a packet with a higher number. */
  reordered = 0;
  /** Whole packets whose number had come before. */
  duplicated = 0;
  /** Whole packets so late, or numbered below the first, that nothing can be said of them: see `window`. */
  stale = 0;
  /** Packets with a wrong checksum, or a payload that is not the template's. Their number is not trusted. */
  corrupted = 0;
  /** Frames of other traffic, and those too damaged to be known as numbered. */
  foreign = 0;
  readonly #first: number;
  readonly #magic: number;
  readonly #template: PacketTemplate | undefined;
  readonly #stack = new PacketStack();
  readonly #stamp = new SequenceView();
  /** A bit for each of the last `#window` numbers up to `highest`: whether it was seen. Number n is bit n modulo window. */
  readonly #seen: Int32Array;
  readonly #window: number;
  /** One number, in an array so that storing it allocates nothing when it exceeds an integer of the engine's. */
  readonly #highest: Float64Array;

  /** Throws `ERR_ARGUMENT`. */
  constructor(options: SequenceCheckerOptions = {}) {
    this.#window = options.window ?? 2 ** 20;
    checkInteger('window', this.#window, 32, 2 ** 30);
    if ((this.#window & (this.#window - 1)) !== 0) {
      throw new IxyError('ERR_ARGUMENT', `window must be a power of two, found ${this.#window}`);
    }
    this.#first = options.first ?? 0;
    checkInteger('first sequence number', this.#first, 0, Number.MAX_SAFE_INTEGER);
    const magic = options.magic ?? DEFAULT_SEQUENCE_MAGIC;
    checkInteger('sequence magic', magic, 0, 0xffff_ffff);
    this.#magic = magic | 0;
    this.#template = options.template;
    this.#seen = new Int32Array(this.#window >>> 5);
    this.#highest = Float64Array.of(this.#first - 1);
  }

  /** Highest number seen; `first − 1` before any. */
  get highest(): number {
    return this.#highest[0];
  }

  /** Frames checked. */
  get received(): number {
    return this.unique + this.duplicated + this.stale + this.corrupted + this.foreign;
  }

  /** Numbers up to the highest seen that have not come, or not whole. A late packet takes itself off again. */
  get lost(): number {
    return this.lostOf(this.highest + 1 - this.#first);
  }

  /** Packets lost out of `sent`, counted from the first number: `lost`, and those behind the highest number seen. */
  lostOf(sent: number): number {
    return sent - this.unique;
  }

  /** Checks the frame `bytes[offset … offset+length-1]`, without CRC. */
  check(bytes: Uint8Array, offset: number, length: number): void {
    const stack = this.#stack.parse(bytes, offset, length);
    if (stack.end !== 'payload' || stack.payloadLength < SEQUENCE_STAMP_LENGTH) {
      this.foreign++;
    } else if (stack.cut || !checksumsValid(bytes, stack)) {
      this.corrupted++;
    } else if (!this.#stamp.at(bytes, stack.payload).hasMagic(this.#magic)) {
      this.foreign++;
    } else if (this.#stamp.high >>> 0 >= HIGH_LIMIT || !this.#payloadMatches(bytes)) {
      this.corrupted++;
    } else {
      this.#count(this.#stamp.high, this.#stamp.low);
    }
  }

  #payloadMatches(bytes: Uint8Array): boolean {
    if (!this.#template) return true;
    const expected = this.#template.bytes;
    const { layout } = this.#template;
    if (this.#stack.payloadLength !== layout.payloadLength) return false;
    const shift = this.#stack.payload - layout.payload;
    const end = layout.payload + layout.payloadLength;
    for (let i = layout.payload + SEQUENCE_STAMP_LENGTH; i < end; i++) {
      if (bytes[shift + i] !== expected[i]) return false;
    }
    return true;
  }

  /** Takes the number in halves and puts it together here: as an argument it would be allocated beyond 2^31. */
  #count(high: number, low: number): void {
    const sequence = high * 0x1_0000_0000 + (low >>> 0);
    const ahead = sequence - this.#highest[0];
    const bit = low & (this.#window - 1);
    if (ahead > 0) {
      this.#clearSeen(bit, Math.min(ahead, this.#window));
      this.#highest[0] = sequence;
      this.unique++;
    } else if (ahead <= -this.#window || sequence < this.#first) {
      this.stale++;
      return;
    } else if ((this.#seen[bit >>> 5] & (1 << (bit & 31))) !== 0) {
      this.duplicated++;
      return;
    } else {
      this.unique++;
      this.reordered++;
    }
    this.#seen[bit >>> 5] |= 1 << (bit & 31);
  }

  /** The `count` numbers that enter the window, of which `lastBit` is the last one's bit, have not been seen. */
  #clearSeen(lastBit: number, count: number): void {
    if (count === this.#window) {
      this.#seen.fill(0);
      return;
    }
    for (let i = 0; i < count; i++) {
      const bit = (lastBit - i) & (this.#window - 1);
      this.#seen[bit >>> 5] &= ~(1 << (bit & 31));
    }
  }
}
