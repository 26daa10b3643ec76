/** ICMP (RFC 792), with the fields of an echo. */
import { internetChecksum } from './checksum.ts';
import { IcmpHeaderView } from './icmp-header.ts';

export const ICMP_HEADER_LENGTH = 8;
export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;

/** A cursor over an ICMP header; see `HeaderView`. */
export class IcmpView extends IcmpHeaderView {
  /** Calculates the checksum anew over `length` bytes of header and data, and stores it. */
  updateChecksum(length: number): void {
    this.checksum = 0;
    this.checksum = internetChecksum(this.bytes, this.offset, length);
  }

  isChecksumValid(length: number): boolean {
    return internetChecksum(this.bytes, this.offset, length) === 0;
  }
}
