/** ICMPv6 (RFC 4443), with the fields of an echo. */
import { internetChecksum } from './checksum.ts';
import { IcmpHeaderView } from './icmp-header.ts';
import { IP_PROTOCOL_ICMPV6, type PseudoHeader } from './ip.ts';

export const ICMPV6_HEADER_LENGTH = 8;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_NEIGHBOR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;

/** A cursor over an ICMPv6 header; see `HeaderView`. */
export class Icmpv6View extends IcmpHeaderView {
  /** Calculates the checksum anew over `length` bytes of header and data; unlike ICMP's it covers a pseudo-header. */
  updateChecksum(ip: PseudoHeader, length: number): void {
    this.checksum = 0;
    this.checksum = internetChecksum(this.bytes, this.offset, length, ip.pseudoHeaderSum(IP_PROTOCOL_ICMPV6, length));
  }

  isChecksumValid(ip: PseudoHeader, length: number): boolean {
    return internetChecksum(this.bytes, this.offset, length, ip.pseudoHeaderSum(IP_PROTOCOL_ICMPV6, length)) === 0;
  }
}
