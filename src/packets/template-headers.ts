/** Encodes the headers that a packet description names. */
import { checkInteger, IxyError } from '../errors.ts';
import { parseIpv4, parseIpv6, parseMac } from './addresses.ts';
import { ARP_LENGTH, ARP_REQUEST, ArpView } from './arp.ts';
import { write16 } from './bytes.ts';
import {
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_SERVICE_VLAN,
  ETHERTYPE_VLAN,
  EthernetView,
} from './ethernet.ts';
import { ICMP_ECHO_REQUEST, ICMP_HEADER_LENGTH, IcmpView } from './icmp.ts';
import { ICMPV6_ECHO_REQUEST, ICMPV6_HEADER_LENGTH, Icmpv6View } from './icmpv6.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_ICMPV6, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, type PseudoHeader } from './ip.ts';
import { IPV4_HEADER_LENGTH, Ipv4View } from './ipv4.ts';
import { IPV6_HEADER_LENGTH, Ipv6View } from './ipv6.ts';
import type {
  ArpDescription,
  IcmpDescription,
  Ipv4Description,
  Ipv6Description,
  PacketDescription,
  TcpDescription,
  UdpDescription,
  VlanDescription,
} from './packet-description.ts';
import { TCP_ACK, TCP_HEADER_LENGTH, TcpView } from './tcp.ts';
import { UDP_HEADER_LENGTH, UdpView } from './udp.ts';
import { VLAN_TAG_LENGTH, VlanView } from './vlan.ts';

/** For frames and packets that say nothing of what they carry: the values reserved for experiments. */
const ETHERTYPE_EXPERIMENTAL = 0x88b5;
const IP_PROTOCOL_EXPERIMENTAL = 253;

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffff_ffff;

/** Bytes of all the headers described. Throws `ERR_ARGUMENT` if they do not go together. */
export function headersLength(description: PacketDescription): number {
  const { arp, ipv4, ipv6, udp, tcp, icmp, icmpv6 } = description;
  const networks = [arp, ipv4, ipv6].filter(Boolean).length;
  const transports = [udp, tcp, icmp, icmpv6].filter(Boolean).length;
  if (networks > 1) throw mismatch('at most one of arp, ipv4 and ipv6');
  if (transports > 1) throw mismatch('at most one of udp, tcp, icmp and icmpv6');
  if ((udp || tcp) && !ipv4 && !ipv6) throw mismatch('ipv4 or ipv6 below udp and tcp');
  if (icmp && !ipv4) throw mismatch('ipv4 below icmp');
  if (icmpv6 && !ipv6) throw mismatch('ipv6 below icmpv6');
  if (udp?.checksum === false && !ipv4) throw mismatch('ipv4 below udp without checksum');
  return (
    ETHERNET_HEADER_LENGTH +
    vlanTags(description).length * VLAN_TAG_LENGTH +
    (arp ? ARP_LENGTH : 0) +
    (ipv4 ? IPV4_HEADER_LENGTH : 0) +
    (ipv6 ? IPV6_HEADER_LENGTH : 0) +
    (udp ? UDP_HEADER_LENGTH : 0) +
    (tcp ? TCP_HEADER_LENGTH : 0) +
    (icmp ? ICMP_HEADER_LENGTH : 0) +
    (icmpv6 ? ICMPV6_HEADER_LENGTH : 0)
  );
}

/** Writes the headers in front of a payload that is in place already; the packet, without padding, ends at `end`. */
export function encodeHeaders(description: PacketDescription, bytes: Uint8Array, end: number): void {
  const network = encodeLinkLayer(description, bytes);
  const { arp, ipv4, ipv6 } = description;
  if (arp) encodeArp(arp, description.ethernet.source, bytes, network);
  if (ipv4) {
    const transport = network + IPV4_HEADER_LENGTH;
    const ip = encodeIpv4(ipv4, ipv4.protocol ?? transportProtocol(description), bytes, network, end);
    encodeTransport(description, ip, bytes, transport, end);
  }
  if (ipv6) {
    const transport = network + IPV6_HEADER_LENGTH;
    const ip = encodeIpv6(ipv6, ipv6.nextHeader ?? transportProtocol(description), bytes, network, end);
    encodeTransport(description, ip, bytes, transport, end);
  }
}

/** Ethernet and VLAN tags; returns where the next header begins. */
function encodeLinkLayer(description: PacketDescription, bytes: Uint8Array): number {
  const header = new EthernetView().at(bytes, 0);
  header.destination = parseMac(description.ethernet.destination);
  header.source = parseMac(description.ethernet.source);
  const tags = vlanTags(description);
  let position = ETHERNET_HEADER_LENGTH;
  for (const [i, tag] of tags.entries()) {
    const tagType = tag.tagType ?? (i < tags.length - 1 ? ETHERTYPE_SERVICE_VLAN : ETHERTYPE_VLAN);
    write16(bytes, position - 2, field('VLAN tag type', tagType, U16));
    const view = new VlanView().at(bytes, position);
    view.id = field('VLAN id', tag.id, 0xfff);
    view.priority = field('VLAN priority', tag.priority ?? 0, 7);
    view.dropEligible = tag.dropEligible ?? false;
    position += VLAN_TAG_LENGTH;
  }
  write16(bytes, position - 2, field('EtherType', description.ethernet.etherType ?? networkType(description), U16));
  return position;
}

function encodeArp(arp: ArpDescription, source: string, bytes: Uint8Array, offset: number): void {
  const view = new ArpView().at(bytes, offset);
  view.initialize();
  view.operation = field('ARP operation', arp.operation ?? ARP_REQUEST, U16);
  view.senderMac = parseMac(arp.senderMac ?? source);
  view.senderIp = parseIpv4(arp.senderIp);
  view.targetMac = arp.targetMac === undefined ? 0 : parseMac(arp.targetMac);
  view.targetIp = parseIpv4(arp.targetIp);
}

function encodeIpv4(ip: Ipv4Description, protocol: number, bytes: Uint8Array, offset: number, end: number): Ipv4View {
  const view = new Ipv4View().at(bytes, offset);
  view.headerLength = IPV4_HEADER_LENGTH;
  view.dscp = field('DSCP', ip.dscp ?? 0, 63);
  view.ecn = field('ECN', ip.ecn ?? 0, 3);
  view.totalLength = field('IPv4 total length', end - offset, U16);
  view.identification = field('IPv4 identification', ip.identification ?? 0, U16);
  view.dontFragment = ip.dontFragment ?? false;
  view.ttl = field('TTL', ip.ttl ?? 64, U8);
  view.protocol = field('IPv4 protocol', protocol, U8);
  view.source = parseIpv4(ip.source);
  view.destination = parseIpv4(ip.destination);
  view.updateChecksum();
  return view;
}

function encodeIpv6(ip: Ipv6Description, protocol: number, bytes: Uint8Array, offset: number, end: number): Ipv6View {
  const view = new Ipv6View().at(bytes, offset);
  view.trafficClass = field('traffic class', ip.trafficClass ?? 0, U8);
  view.flowLabel = field('flow label', ip.flowLabel ?? 0, 0xf_ffff);
  view.payloadLength = field('IPv6 payload length', end - offset - IPV6_HEADER_LENGTH, U16);
  view.nextHeader = field('IPv6 next header', protocol, U8);
  view.hopLimit = field('hop limit', ip.hopLimit ?? 64, U8);
  view.setSource(parseIpv6(ip.source));
  view.setDestination(parseIpv6(ip.destination));
  return view;
}

function encodeTransport(
  { udp, tcp, icmp, icmpv6 }: PacketDescription,
  ip: PseudoHeader,
  bytes: Uint8Array,
  offset: number,
  end: number,
): void {
  const length = end - offset;
  if (udp) encodeUdp(udp, ip, bytes, offset, length);
  if (tcp) encodeTcp(tcp, ip, bytes, offset, length);
  if (icmp) encodeEcho(new IcmpView().at(bytes, offset), icmp, ICMP_ECHO_REQUEST).updateChecksum(length);
  if (icmpv6) encodeEcho(new Icmpv6View().at(bytes, offset), icmpv6, ICMPV6_ECHO_REQUEST).updateChecksum(ip, length);
}

function encodeUdp(udp: UdpDescription, ip: PseudoHeader, bytes: Uint8Array, offset: number, length: number): void {
  const view = new UdpView().at(bytes, offset);
  view.sourcePort = field('UDP source port', udp.sourcePort, U16);
  view.destinationPort = field('UDP destination port', udp.destinationPort, U16);
  view.length = length;
  if (udp.checksum !== false) view.updateChecksum(ip);
}

function encodeTcp(tcp: TcpDescription, ip: PseudoHeader, bytes: Uint8Array, offset: number, length: number): void {
  const view = new TcpView().at(bytes, offset);
  view.sourcePort = field('TCP source port', tcp.sourcePort, U16);
  view.destinationPort = field('TCP destination port', tcp.destinationPort, U16);
  view.sequenceNumber = field('TCP sequence number', tcp.sequenceNumber ?? 0, U32);
  view.acknowledgmentNumber = field('TCP acknowledgment number', tcp.acknowledgmentNumber ?? 0, U32);
  view.headerLength = TCP_HEADER_LENGTH;
  view.flags = field('TCP flags', tcp.flags ?? TCP_ACK, U8);
  view.window = field('TCP window', tcp.window ?? U16, U16);
  view.updateChecksum(ip, length);
}

function encodeEcho<View extends IcmpView | Icmpv6View>(view: View, icmp: IcmpDescription, type: number): View {
  view.type = field('ICMP type', icmp.type ?? type, U8);
  view.code = field('ICMP code', icmp.code ?? 0, U8);
  view.identifier = field('ICMP identifier', icmp.identifier ?? 0, U16);
  view.sequenceNumber = field('ICMP sequence number', icmp.sequenceNumber ?? 0, U16);
  return view;
}

function vlanTags({ vlan }: PacketDescription): readonly VlanDescription[] {
  if (vlan === undefined) return [];
  return 'id' in vlan ? [vlan] : vlan;
}

function networkType({ arp, ipv4, ipv6 }: PacketDescription): number {
  if (arp) return ETHERTYPE_ARP;
  if (ipv4) return ETHERTYPE_IPV4;
  return ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_EXPERIMENTAL;
}

function transportProtocol({ udp, tcp, icmp, icmpv6 }: PacketDescription): number {
  if (udp) return IP_PROTOCOL_UDP;
  if (tcp) return IP_PROTOCOL_TCP;
  if (icmp) return IP_PROTOCOL_ICMP;
  return icmpv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_EXPERIMENTAL;
}

function field(what: string, value: number, maximum: number): number {
  checkInteger(what, value, 0, maximum);
  return value;
}

function mismatch(expected: string): IxyError {
  return new IxyError('ERR_ARGUMENT', `headers do not go together: expected ${expected}`);
}
