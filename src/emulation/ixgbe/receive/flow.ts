/** What Flow Director sees of a packet, or a filter asks for (datasheet rev 3.4, section 7.1.2.7). */
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../../../packets/ip.ts';
import { IP_PROTOCOL_SCTP, NONE, type PacketHeaders } from '../../packet-headers.ts';

/** Kinds of flows: the two bits of FDIRCMD.L4TYPE, and IPV6 above them. */
const FLOW_UDP = 1;
const FLOW_TCP = 2;
const FLOW_SCTP = 3;
export const FLOW_L4_TYPE = 3;
export const FLOW_IPV6 = 4;

const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV6_SOURCE = 8;
const IPV6_WORDS = 8;

/** What does not count, as masks of what does. Bits as in `Flow`. */
export interface FlowMask {
  readonly source: number;
  readonly destination: number;
  readonly tcpPorts: number;
  readonly udpPorts: number;
  readonly vlan: number;
  readonly flexible: number;
  readonly kind: number;
}

/** One object serves any number of packets. Numbers as in network order, the first byte highest. */
export class Flow {
  kind = 0;
  vlan = 0;
  flexible = 0;
  /** IPv4 addresses; of IPv6 addresses, all words added without carries. */
  source = 0;
  destination = 0;
  /** Source port in the upper half. */
  ports = 0;

  /** Takes a packet's flow. `offset`: the frame's first byte; `flexibleAt`: two bytes of it that filters may look at. */
  take(bytes: Uint8Array, offset: number, headers: Readonly<PacketHeaders>, flexibleAt: number): void {
    const { network, isIpv4, protocol, transport, vlan } = headers;
    this.kind = (isIpv4 ? 0 : FLOW_IPV6) | kindOf(protocol);
    this.vlan = vlan === NONE ? 0 : vlan;
    this.flexible = (bytes[offset + flexibleAt] << 8) | bytes[offset + flexibleAt + 1];
    this.ports = protocol === NONE ? 0 : read32(bytes, transport);
    if (isIpv4) {
      this.source = read32(bytes, network + IPV4_SOURCE);
      this.destination = read32(bytes, network + IPV4_DESTINATION);
      return;
    }
    this.source = 0;
    this.destination = 0;
    for (let i = 0; i < IPV6_WORDS; i++) this.source ^= read32(bytes, network + IPV6_SOURCE + 4 * i);
  }

  /** Leaves what counts. */
  mask(mask: FlowMask): void {
    const l4 = this.kind & FLOW_L4_TYPE;
    this.source &= mask.source;
    this.destination &= mask.destination;
    if (l4 === FLOW_TCP) this.ports &= mask.tcpPorts;
    else if (l4 === FLOW_UDP) this.ports &= mask.udpPorts;
    this.vlan &= mask.vlan;
    this.flexible &= mask.flexible;
    this.kind &= mask.kind;
  }

  equals(other: Flow): boolean {
    return (
      this.kind === other.kind &&
      this.source === other.source &&
      this.destination === other.destination &&
      this.ports === other.ports &&
      this.vlan === other.vlan &&
      this.flexible === other.flexible
    );
  }

  /** The 15-bit hash of this flow under a key of 32 bits (section 7.1.2.7.15). */
  hash(key: number): number {
    // The key repeats after 32 bits of input: input bits that meet the same key bit are added first.
    const folded = this.source ^ this.destination ^ this.ports ^ (this.flexible << 16);
    const first = (folded >>> 16) ^ this.vlan;
    const second = (folded & 0xffff) ^ this.vlan ^ this.kind;
    const third = (folded >>> 16) ^ this.kind;
    const low = (second << 16) | first;
    const high = (third << 16) | second;
    // The key's first bit comes before kind and VLAN in the input.
    let hash = (key & 1) !== 0 ? folded >>> 16 : 0;
    for (let bit = 1; bit < 16; bit++) if (((key >>> bit) & 1) !== 0) hash ^= low >>> bit;
    for (let bit = 0; bit < 16; bit++) if (((key >>> (bit + 16)) & 1) !== 0) hash ^= high >>> bit;
    return hash & 0x7fff;
  }
}

function kindOf(protocol: number): number {
  if (protocol === IP_PROTOCOL_TCP) return FLOW_TCP;
  if (protocol === IP_PROTOCOL_UDP) return FLOW_UDP;
  return protocol === IP_PROTOCOL_SCTP ? FLOW_SCTP : 0;
}

function read32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
