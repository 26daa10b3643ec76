/** ICMPv6 (RFC 4443), with the fields of an echo. */
import { read16, write16 } from './bytes.ts';
import { internetChecksum } from './checksum.ts';
import { HeaderView } from './header-view.ts';
import { IP_PROTOCOL_ICMPV6, type PseudoHeader } from './ip.ts';

export const ICMPV6_HEADER_LENGTH = 8;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_NEIGHBOR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;

/** A cursor over an ICMPv6 header; see `HeaderView`. */
export class Icmpv6View extends HeaderView {
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

  /** Calculates the checksum anew over `length` bytes of header and data; unlike ICMP's it covers a pseudo-header. */
  updateChecksum(ip: PseudoHeader, length: number): void {
    this.checksum = 0;
    this.checksum = internetChecksum(this.bytes, this.offset, length, ip.pseudoHeaderSum(IP_PROTOCOL_ICMPV6, length));
  }

  isChecksumValid(ip: PseudoHeader, length: number): boolean {
    return internetChecksum(this.bytes, this.offset, length, ip.pseudoHeaderSum(IP_PROTOCOL_ICMPV6, length)) === 0;
  }
}
