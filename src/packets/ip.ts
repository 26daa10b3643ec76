/** What IPv4 and IPv6 have in common. */

/** Protocol numbers, as IPv4's protocol and IPv6's next header carry them (IANA "Assigned Internet Protocol Numbers"). */
export const IP_PROTOCOL_ICMP = 1;
export const IP_PROTOCOL_TCP = 6;
export const IP_PROTOCOL_UDP = 17;
export const IP_PROTOCOL_ICMPV6 = 58;

/** What a transport's checksum needs to know of the IP header below it. */
export interface PseudoHeader {
  /** Sum of the pseudo-header for `length` bytes of the transport `protocol`. */
  pseudoHeaderSum(protocol: number, length: number): number;
}
