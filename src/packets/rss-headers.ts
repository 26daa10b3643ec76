/**
 * What receive side scaling sees of a frame (82599 datasheet rev 3.4, sections 7.1.2.8.1 and 7.1.3): at most one VLAN tag,
 * an IP header, a TCP or UDP header. Unlike `PacketStack` it stops where the NIC does.
 */
import { read16 } from './bytes.ts';
import { ETHERNET_HEADER_LENGTH, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN } from './ethernet.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from './ip.ts';
import { IPV4_HEADER_LENGTH } from './ipv4.ts';
import { IPV6_HEADER_LENGTH } from './ipv6.ts';
import { ABSENT } from './stack.ts';
import { TCP_HEADER_LENGTH } from './tcp.ts';
import { UDP_HEADER_LENGTH } from './udp.ts';
import { VLAN_TAG_LENGTH } from './vlan.ts';

const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION_OPTIONS = 60;
const EXTENSION_UNIT = 8;
const MORE_OR_OFFSET = 0x3fff;

/** One object serves any number of frames: `parse` overwrites it. Offsets are indices of the array that was parsed. */
export class RssHeaders {
  /** An IP header whose packet is all there, or `ABSENT`. */
  network = ABSENT;
  isIpv4 = false;
  /** The TCP or UDP header of a packet that is no fragment, or `ABSENT`. */
  transport = ABSENT;
  isTcp = false;

  parse(bytes: Uint8Array, offset: number, length: number): void {
    const end = offset + length;
    this.network = ABSENT;
    this.transport = ABSENT;
    if (length < ETHERNET_HEADER_LENGTH) return;
    let at = offset + ETHERNET_HEADER_LENGTH;
    let type = read16(bytes, at - 2);
    if (type === ETHERTYPE_VLAN && at + VLAN_TAG_LENGTH <= end) {
      at += VLAN_TAG_LENGTH;
      type = read16(bytes, at - 2);
    }
    this.isIpv4 = type === ETHERTYPE_IPV4;
    if (this.isIpv4) this.#ipv4(bytes, at, end);
    else if (type === ETHERTYPE_IPV6) this.#ipv6(bytes, at, end);
  }

  #ipv4(bytes: Uint8Array, at: number, end: number): void {
    if (at + IPV4_HEADER_LENGTH > end || bytes[at] >>> 4 !== 4) return;
    const headerLength = (bytes[at] & 0x0f) * 4;
    const last = at + read16(bytes, at + 2);
    if (headerLength < IPV4_HEADER_LENGTH || at + headerLength > last || last > end) return;
    this.network = at;
    const fragment = (read16(bytes, at + 6) & MORE_OR_OFFSET) !== 0;
    if (!fragment) this.#transportAt(bytes[at + 9], at + headerLength, last);
  }

  /** A fragment header ends the walk like any header that is not known: what follows is not looked at. */
  #ipv6(bytes: Uint8Array, at: number, end: number): void {
    if (at + IPV6_HEADER_LENGTH > end || bytes[at] >>> 4 !== 6) return;
    const last = at + IPV6_HEADER_LENGTH + read16(bytes, at + 4);
    if (last > end) return;
    this.network = at;
    let next = bytes[at + 6];
    let position = at + IPV6_HEADER_LENGTH;
    while (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS) {
      if (position + EXTENSION_UNIT > last) return;
      // With segments left, the destination in the header is not the flow's.
      if (next === ROUTING && bytes[position + 3] !== 0) return;
      next = bytes[position];
      position += (bytes[position + 1] + 1) * EXTENSION_UNIT;
    }
    this.#transportAt(next, position, last);
  }

  #transportAt(protocol: number, at: number, last: number): void {
    this.isTcp = protocol === IP_PROTOCOL_TCP;
    if (!this.isTcp && protocol !== IP_PROTOCOL_UDP) return;
    if (at + (this.isTcp ? TCP_HEADER_LENGTH : UDP_HEADER_LENGTH) <= last) this.transport = at;
  }
}
