/**
 * The stamp that numbers generated packets: at the start of the transport's payload, a magic word that tells them from
 * other traffic (and streams from each other), then a sequence number of 64 bits. All in network byte order.
 */
import { read32, readInt32, write32 } from './bytes.ts';
import { HeaderView } from './header-view.ts';

/** Bytes that a number takes in the payload. */
export const SEQUENCE_STAMP_LENGTH = 12;

/** 'ixy!' in ASCII. */
export const DEFAULT_SEQUENCE_MAGIC = 0x6978_7921;

const TWO_32 = 0x1_0000_0000;

/** Stands on the stamp, which is the first byte of the payload. */
export class SequenceView extends HeaderView {
  get magic(): number {
    return read32(this.bytes, this.offset);
  }
  set magic(value: number) {
    write32(this.bytes, this.offset, value);
  }

  /** Whether the stamp bears this magic word, signed or unsigned. */
  hasMagic(magic: number): boolean {
    return readInt32(this.bytes, this.offset) === (magic | 0);
  }

  /** Upper half of the number, as an int32; see `readInt32`. */
  get high(): number {
    return readInt32(this.bytes, this.offset + 4);
  }

  /** Lower half of the number, as an int32. */
  get low(): number {
    return readInt32(this.bytes, this.offset + 8);
  }

  /** Exact up to 2^53 − 1. */
  get sequence(): number {
    return (this.high >>> 0) * TWO_32 + (this.low >>> 0);
  }
  set sequence(value: number) {
    write32(this.bytes, this.offset + 4, Math.floor(value / TWO_32));
    write32(this.bytes, this.offset + 8, value);
  }
}
