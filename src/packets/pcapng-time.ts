/** Time stamps of pcapng: 64-bit counts of an interface's own unit, as seconds and nanoseconds. */
import type { CaptureRecord } from './capture-record.ts';

const TWO_32 = 0x1_0000_0000;
const NANOSECONDS = 1_000_000_000;

export interface PcapngClock {
  /** Sets the record's time from the upper and lower half (unsigned) of a time stamp. */
  setTime(record: CaptureRecord, high: number, low: number): void;
}

/**
 * `resolution`: the value of if_tsresol, a negative power of 10, or of 2 if the top bit is set. `offset`: that of
 * if_tsoffset, in seconds, added to every time stamp.
 */
export function pcapngClock(resolution: number, offset: number): PcapngClock {
  const exponent = resolution & 0x7f;
  const isBinary = (resolution & 0x80) !== 0;
  if (!isBinary && exponent <= 9) return new DecimalClock(10 ** exponent, offset);
  return new WideClock((isBinary ? 2n : 10n) ** BigInt(exponent), offset);
}

/** Units of a nanosecond or longer, which is what is met in practice: long division in digits of 16 bits. */
class DecimalClock implements PcapngClock {
  readonly #perSecond: number;
  readonly #offset: number;

  constructor(perSecond: number, offset: number) {
    this.#perSecond = perSecond;
    this.#offset = offset;
  }

  setTime(record: CaptureRecord, high: number, low: number): void {
    const perSecond = this.#perSecond;
    const upper = Math.floor(high / perSecond);
    const middleUnits = (high - upper * perSecond) * 0x1_0000 + (low >>> 16);
    const middle = Math.floor(middleUnits / perSecond);
    const lowerUnits = (middleUnits - middle * perSecond) * 0x1_0000 + (low & 0xffff);
    const lower = Math.floor(lowerUnits / perSecond);
    record.seconds = upper * TWO_32 + middle * 0x1_0000 + lower + this.#offset;
    record.nanoseconds = (lowerUnits - lower * perSecond) * (NANOSECONDS / perSecond);
  }
}

/** Binary or finer units: rare enough to let BigInt do it. Rounds down to nanoseconds. */
class WideClock implements PcapngClock {
  readonly #perSecond: bigint;
  readonly #offset: number;

  constructor(perSecond: bigint, offset: number) {
    this.#perSecond = perSecond;
    this.#offset = offset;
  }

  setTime(record: CaptureRecord, high: number, low: number): void {
    const units = (BigInt(high) << 32n) | BigInt(low);
    record.seconds = Number(units / this.#perSecond) + this.#offset;
    record.nanoseconds = Number(((units % this.#perSecond) * BigInt(NANOSECONDS)) / this.#perSecond);
  }
}

/** Stores a time as 64 bits of nanoseconds, upper half first, in digits of 16 bits so that every step is exact. */
export function writeNanosecondTime(view: DataView, at: number, seconds: number, nanoseconds: number): void {
  const secondsHigh = Math.floor(seconds / 0x1_0000);
  const lower = (seconds - secondsHigh * 0x1_0000) * NANOSECONDS + nanoseconds;
  const upper = secondsHigh * NANOSECONDS;
  const upperHigh = Math.floor(upper / 0x1_0000);
  const low = (upper - upperHigh * 0x1_0000) * 0x1_0000 + lower;
  const carry = Math.floor(low / TWO_32);
  view.setUint32(at, upperHigh + carry, true);
  view.setUint32(at + 4, low - carry * TWO_32, true);
}
