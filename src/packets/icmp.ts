/** ICMP (RFC 792), with the fields of an echo. */
import { read16, write16 } from './bytes.ts';
import { internetChecksum } from './checksum.ts';
import { HeaderView } from './header-view.ts';

export const ICMP_HEADER_LENGTH = 8;
export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;

/** A cursor over an ICMP header; see `HeaderView`. */
export class IcmpView extends HeaderView {
  get type(): number {
    return this.bytes[this.offset];
  }
  set type(value: number) {
    this.bytes[this.offset] = value;
  }

  get code(): number {
    return this.bytes[this.offset + 1];
  }
  set code(value: number) {
    this.bytes[this.offset + 1] = value;
  }

  get checksum(): number {
    return read16(this.bytes, this.offset + 2);
  }
  set checksum(value: number) {
    write16(this.bytes, this.offset + 2, value);
  }

  /** Of an echo request or reply. */
  get identifier(): number {
    return read16(this.bytes, this.offset + 4);
  }
  set identifier(value: number) {
    write16(this.bytes, this.offset + 4, value);
  }

  /** Of an echo request or reply. */
  get sequenceNumber(): number {
    return read16(this.bytes, this.offset + 6);
  }
  set sequenceNumber(value: number) {
    write16(this.bytes, this.offset + 6, value);
  }

  /** Calculates the checksum anew over `length` bytes of header and data, and stores it. */
  updateChecksum(length: number): void {
    this.checksum = 0;
    this.checksum = internetChecksum(this.bytes, this.offset, length);
  }

  isChecksumValid(length: number): boolean {
    return internetChecksum(this.bytes, this.offset, length) === 0;
  }
}
