/**
 * What receivers recognise in a frame (82599 datasheet rev 3.4, section 7.1.3 and table 7-20): one VLAN tag, IPv4 or IPv6,
 * TCP, UDP or SCTP. It never reads outside the frame.
 */
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../packets/ethernet.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../packets/ip.ts';

export const IP_PROTOCOL_SCTP = 132;
/** No such header, no such tag. */
export const NONE = -1;

const TYPE_OFFSET = 12;
const VLAN_TAG_BYTES = 4;
const IPV4_MINIMUM = 20;
const IPV6_HEADER = 40;
const EXTENSION_MINIMUM = 8;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const FRAGMENT_BITS = 0x3fff;

/** One object serves any number of frames: `parse` overwrites it. Offsets are indices of the array that was parsed. */
export class PacketHeaders {
  /** Tag control information of the VLAN tag, if the frame has one of the type asked for. */
  vlan = NONE;
  /** EtherType behind the tag. */
  etherType = 0;
  /** IP header, if it makes sense. */
  network = NONE;
  isIpv4 = false;
  /** Options of IPv4, or extension headers of IPv6. */
  hasOptions = false;
  /** Any fragment, the first one too: its transport header is not looked at. */
  fragmented = false;
  /** `IP_PROTOCOL_TCP`, `…_UDP` or `…_SCTP`; `NONE` for anything else, and for fragments. */
  protocol = NONE;
  /** Where its header begins, and how many bytes of it and of payload the frame has by IP's account. */
  transport = NONE;
  transportLength = 0;

  /** Parses the frame `bytes[offset … offset+length-1]` of 14 bytes or more; `vlanType` marks a tag. */
  parse(bytes: Uint8Array, offset: number, length: number, vlanType: number): void {
    const end = offset + length;
    let at = offset + TYPE_OFFSET;
    let type = (bytes[at] << 8) | bytes[at + 1];
    this.vlan = NONE;
    if (type === vlanType && at + 2 + VLAN_TAG_BYTES <= end) {
      this.vlan = (bytes[at + 2] << 8) | bytes[at + 3];
      at += VLAN_TAG_BYTES;
      type = (bytes[at] << 8) | bytes[at + 1];
    }
    this.etherType = type;
    this.network = NONE;
    this.protocol = NONE;
    this.transport = NONE;
    this.fragmented = false;
    this.isIpv4 = type === ETHERTYPE_IPV4;
    if (this.isIpv4) this.#ipv4(bytes, at + 2, end);
    else if (type === ETHERTYPE_IPV6) this.#ipv6(bytes, at + 2, end);
  }

  #ipv4(bytes: Uint8Array, at: number, end: number): void {
    if (at + IPV4_MINIMUM > end || bytes[at] >>> 4 !== 4) return;
    const header = (bytes[at] & 0xf) * 4;
    const total = (bytes[at + 2] << 8) | bytes[at + 3];
    if (header < IPV4_MINIMUM || total < header || at + total > end) return;
    this.network = at;
    this.hasOptions = header > IPV4_MINIMUM;
    this.fragmented = (((bytes[at + 6] << 8) | bytes[at + 7]) & FRAGMENT_BITS) !== 0;
    if (!this.fragmented) this.#transport(bytes[at + 9], at + header, total - header);
  }

  #ipv6(bytes: Uint8Array, start: number, end: number): void {
    if (start + IPV6_HEADER > end || bytes[start] >>> 4 !== 6) return;
    const last = start + IPV6_HEADER + ((bytes[start + 4] << 8) | bytes[start + 5]);
    if (last > end) return;
    this.network = start;
    let next = bytes[start + 6];
    let at = start + IPV6_HEADER;
    this.hasOptions = isExtension(next);
    while (isExtension(next) && at + EXTENSION_MINIMUM <= last) {
      if (next === FRAGMENT) {
        this.fragmented = true;
        return;
      }
      // With segments left, the destination that the checksum covers is not the one in the header.
      if (next === ROUTING && bytes[at + 3] !== 0) return;
      next = bytes[at];
      at += (bytes[at + 1] + 1) * EXTENSION_MINIMUM;
    }
    if (at <= last) this.#transport(next, at, last - at);
  }

  #transport(protocol: number, at: number, length: number): void {
    if (length < minimumHeader(protocol)) return;
    this.protocol = protocol;
    this.transport = at;
    this.transportLength = length;
  }
}

function isExtension(protocol: number): boolean {
  return protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT || protocol === DESTINATION_OPTIONS;
}

/** Bytes of the smallest header; Infinity for protocols that the receiver does not know. */
function minimumHeader(protocol: number): number {
  if (protocol === IP_PROTOCOL_TCP) return 20;
  if (protocol === IP_PROTOCOL_UDP) return 8;
  return protocol === IP_PROTOCOL_SCTP ? 12 : Number.POSITIVE_INFINITY;
}
