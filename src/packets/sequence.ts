/**
 * The stamp that numbers generated packets: at the start of the transport's payload, a magic word that tells them from
 * other traffic (and streams from each other), then a sequence number of 64 bits. All in network byte order.
 */
import { read32, write32 } from './bytes.ts';
import { HeaderView } from './header-view.ts';

export const SEQUENCE_STAMP_LENGTH = 12;

/** 'ixy!' in ASCII. */
export const DEFAULT_SEQUENCE_MAGIC = 0x6978_7921;

/** Numbers from here on are not exact as a JavaScript number: their high word is this or more. */
const HIGH_LIMIT = 0x20_0000;

/** Stands on the stamp, which is the first byte of the payload. */
export class SequenceView extends HeaderView {
  get magic(): number {
    return read32(this.bytes, this.offset);
  }
  set magic(value: number) {
    write32(this.bytes, this.offset, value);
  }

  /** 0 … 2^53 − 1; −1 if the stamp holds a larger number, which nothing here writes. */
  get sequence(): number {
    const high = read32(this.bytes, this.offset + 4);
    return high < HIGH_LIMIT ? high * 0x1_0000_0000 + read32(this.bytes, this.offset + 8) : -1;
  }
  set sequence(value: number) {
    write32(this.bytes, this.offset + 4, Math.floor(value / 0x1_0000_0000));
    write32(this.bytes, this.offset + 8, value);
  }
}
