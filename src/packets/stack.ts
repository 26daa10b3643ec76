/**
 * Finds the headers of a frame: Ethernet, VLAN tags, ARP or IPv4 or IPv6 with its extension headers, transport. It never
 * reads outside the bytes given to it, and never throws for what it finds there.
 */
import { hexadecimal } from '../hexadecimal.ts';
import { ARP_LENGTH } from './arp.ts';
import { read16 } from './bytes.ts';
import { ETHERNET_HEADER_LENGTH, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, isVlanType } from './ethernet.ts';
import { ICMP_HEADER_LENGTH } from './icmp.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_ICMPV6, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from './ip.ts';
import { IPV4_HEADER_LENGTH } from './ipv4.ts';
import { IPV6_HEADER_LENGTH } from './ipv6.ts';
import { TCP_HEADER_LENGTH } from './tcp.ts';
import { UDP_HEADER_LENGTH } from './udp.ts';
import { VLAN_TAG_LENGTH } from './vlan.ts';

/** Why the walk over a frame's headers ended. */
export type StackEnd =
  | 'payload' // all headers are known; what follows is the payload
  | 'unknown' // a protocol that is not known here; its header counts as payload
  | 'fragment' // a fragment other than the first: no transport header in it
  | 'truncated' // a header does not fit into the bytes that are left
  | 'malformed'; // a header contradicts itself or the one around it

/** A header that the walk knows. */
export type StackLayer = 'ethernet' | 'vlan' | 'arp' | 'ipv4' | 'ipv6' | 'icmp' | 'icmpv6' | 'udp' | 'tcp';

/** No such header in the frame. */
export const ABSENT = -1;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const EXTENSION_MINIMUM = 8;

const MORE_OR_OFFSET = 0x3fff;
const OFFSET_MASK = 0x1fff;

/**
 * Where a frame's headers are, as byte indices of the array it was parsed in (`ABSENT` for those it has not). One object
 * serves any number of frames: `parse` overwrites it.
 */
export class PacketStack {
  ethernet = ABSENT;
  /** First VLAN tag (its control information, see `VlanView`); each further one is 4 bytes on. */
  vlan = ABSENT;
  vlanCount = 0;
  /** EtherType behind the last VLAN tag; 0 if the frame ends before it. */
  etherType = 0;
  /** ARP, IPv4 or IPv6 header, as `etherType` says. */
  network = ABSENT;
  /** Protocol number behind the IP header and its extension headers; `ABSENT` if there is none. */
  protocol = ABSENT;
  /** UDP, TCP, ICMP or ICMPv6 header, as `protocol` says. */
  transport = ABSENT;
  /** First byte behind the last header that was understood. */
  payload = 0;
  /** Bytes of payload that are really there, without Ethernet padding. */
  payloadLength = 0;
  /** The packet is a fragment, the first (which has a transport header) or a later one. */
  fragmented = false;
  /** IP announces more bytes than the frame has: cut by a snap length, or damaged. The walk goes on in what is there. */
  cut = false;
  end: StackEnd = 'truncated';
  /** The layer that the walk ended at. */
  endLayer: StackLayer = 'ethernet';

  /** Parses the frame `bytes[offset … offset+length-1]`, which must lie within the array. */
  parse(bytes: Uint8Array, offset: number, length: number): this {
    const limit = offset + length;
    this.#reset(offset, limit);
    if (length < ETHERNET_HEADER_LENGTH) return this.#stop('truncated', 'ethernet');
    this.ethernet = offset;
    let type = read16(bytes, offset + 12);
    let position = offset + ETHERNET_HEADER_LENGTH;
    while (isVlanType(type)) {
      this.#payloadAt(position, limit);
      if (position + VLAN_TAG_LENGTH > limit) return this.#stop('truncated', 'vlan');
      if (this.vlan === ABSENT) this.vlan = position;
      this.vlanCount++;
      type = read16(bytes, position + 2);
      position += VLAN_TAG_LENGTH;
    }
    this.etherType = type;
    this.#payloadAt(position, limit);
    if (type === ETHERTYPE_IPV4) return this.#ipv4(bytes, position, limit);
    if (type === ETHERTYPE_IPV6) return this.#ipv6(bytes, position, limit);
    if (type === ETHERTYPE_ARP) return this.#arp(position, limit);
    return this.#stop('unknown', this.vlanCount > 0 ? 'vlan' : 'ethernet');
  }

  /** Bytes of the transport's header and payload: what its checksum covers. 0 without a transport. */
  get transportLength(): number {
    return this.transport === ABSENT ? 0 : this.payload + this.payloadLength - this.transport;
  }

  /** How the walk ended, for people. */
  describe(): string {
    const why: Record<StackEnd, string> = {
      payload: 'all headers are known',
      unknown: `what follows is not known here (EtherType ${hexadecimal(this.etherType)}, protocol ${this.protocol})`,
      fragment: 'a later fragment carries no transport header',
      truncated: 'the frame ends inside the header',
      malformed: 'the header contradicts itself or the one around it',
    };
    return `stopped at ${this.endLayer}: ${why[this.end]}`;
  }

  #arp(position: number, limit: number): this {
    if (position + ARP_LENGTH > limit) return this.#stop('truncated', 'arp');
    this.network = position;
    this.#payloadAt(position + ARP_LENGTH, position + ARP_LENGTH);
    return this.#stop('payload', 'arp');
  }

  #ipv4(bytes: Uint8Array, position: number, limit: number): this {
    if (position + IPV4_HEADER_LENGTH > limit) return this.#stop('truncated', 'ipv4');
    const headerLength = (bytes[position] & 0x0f) * 4;
    const totalLength = read16(bytes, position + 2);
    if (bytes[position] >>> 4 !== 4 || headerLength < IPV4_HEADER_LENGTH || totalLength < headerLength) {
      return this.#stop('malformed', 'ipv4');
    }
    if (position + headerLength > limit) return this.#stop('truncated', 'ipv4');
    this.network = position;
    this.protocol = bytes[position + 9];
    const end = this.#clip(position + totalLength, limit);
    this.#payloadAt(position + headerLength, end);
    const fragment = read16(bytes, position + 6);
    this.fragmented = (fragment & MORE_OR_OFFSET) !== 0;
    if ((fragment & OFFSET_MASK) !== 0) return this.#stop('fragment', 'ipv4');
    return this.#transport(bytes, position + headerLength, end, 'ipv4');
  }

  #ipv6(bytes: Uint8Array, start: number, limit: number): this {
    if (start + IPV6_HEADER_LENGTH > limit) return this.#stop('truncated', 'ipv6');
    if (bytes[start] >>> 4 !== 6) return this.#stop('malformed', 'ipv6');
    this.network = start;
    let position = start + IPV6_HEADER_LENGTH;
    const end = this.#clip(position + read16(bytes, start + 4), limit);
    let next = bytes[start + 6];
    this.#payloadAt(position, end);
    while (isExtensionHeader(next)) {
      if (position + EXTENSION_MINIMUM > end) return this.#stop('truncated', 'ipv6');
      const length = extensionLength(next, bytes[position + 1]);
      if (position + length > end) return this.#stop('truncated', 'ipv6');
      const laterFragment = next === FRAGMENT && this.#fragmentHeader(read16(bytes, position + 2));
      next = bytes[position];
      position += length;
      this.#payloadAt(position, end);
      if (laterFragment) {
        this.protocol = next;
        return this.#stop('fragment', 'ipv6');
      }
    }
    this.protocol = next;
    return this.#transport(bytes, position, end, 'ipv6');
  }

  /** Notes a fragment header's offset and flags; whether it begins behind the packet's first byte. */
  #fragmentHeader(offsetAndFlags: number): boolean {
    this.fragmented = (offsetAndFlags & 0xfff9) !== 0;
    return offsetAndFlags >>> 3 !== 0;
  }

  #transport(bytes: Uint8Array, position: number, end: number, below: StackLayer): this {
    if (this.protocol === IP_PROTOCOL_UDP) return this.#udp(bytes, position, end);
    if (this.protocol === IP_PROTOCOL_TCP) return this.#tcp(bytes, position, end);
    if (this.protocol === IP_PROTOCOL_ICMP) return this.#fixed(position, end, 'icmp');
    if (this.protocol === IP_PROTOCOL_ICMPV6) return this.#fixed(position, end, 'icmpv6');
    return this.#stop('unknown', below);
  }

  #udp(bytes: Uint8Array, position: number, end: number): this {
    if (position + UDP_HEADER_LENGTH > end) return this.#stop('truncated', 'udp');
    const datagramEnd = position + read16(bytes, position + 4);
    if (datagramEnd < position + UDP_HEADER_LENGTH) return this.#stop('malformed', 'udp');
    // A first fragment, or a frame cut short, rightly has less than the datagram.
    if (datagramEnd > end && !this.fragmented && !this.cut) return this.#stop('malformed', 'udp');
    this.transport = position;
    this.#payloadAt(position + UDP_HEADER_LENGTH, Math.min(datagramEnd, end));
    return this.#stop('payload', 'udp');
  }

  #tcp(bytes: Uint8Array, position: number, end: number): this {
    if (position + TCP_HEADER_LENGTH > end) return this.#stop('truncated', 'tcp');
    const headerLength = (bytes[position + 12] >>> 4) * 4;
    if (headerLength < TCP_HEADER_LENGTH) return this.#stop('malformed', 'tcp');
    if (position + headerLength > end) return this.#stop('truncated', 'tcp');
    this.transport = position;
    this.#payloadAt(position + headerLength, end);
    return this.#stop('payload', 'tcp');
  }

  #fixed(position: number, end: number, layer: 'icmp' | 'icmpv6'): this {
    if (position + ICMP_HEADER_LENGTH > end) return this.#stop('truncated', layer);
    this.transport = position;
    this.#payloadAt(position + ICMP_HEADER_LENGTH, end);
    return this.#stop('payload', layer);
  }

  /** The end of an IP packet, or of the frame if that comes first. */
  #clip(announced: number, limit: number): number {
    if (announced <= limit) return announced;
    this.cut = true;
    return limit;
  }

  #payloadAt(position: number, end: number): void {
    this.payload = position;
    this.payloadLength = end - position;
  }

  #stop(end: StackEnd, layer: StackLayer): this {
    this.end = end;
    this.endLayer = layer;
    return this;
  }

  #reset(offset: number, limit: number): void {
    this.ethernet = ABSENT;
    this.vlan = ABSENT;
    this.vlanCount = 0;
    this.etherType = 0;
    this.network = ABSENT;
    this.protocol = ABSENT;
    this.transport = ABSENT;
    this.fragmented = false;
    this.cut = false;
    this.#payloadAt(offset, limit);
  }
}

function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION_OPTIONS ||
    protocol === MOBILITY
  );
}

/** Bytes; `lengthField` is the header's second byte (RFC 8200, section 4; the authentication header's: RFC 4302, 2.2). */
function extensionLength(protocol: number, lengthField: number): number {
  if (protocol === FRAGMENT) return EXTENSION_MINIMUM;
  if (protocol === AUTHENTICATION) return (lengthField + 2) * 4;
  return (lengthField + 1) * 8;
}
