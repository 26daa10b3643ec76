/** A packet in words: what `PacketTemplate` builds bytes from. Addresses are text; numbers have their fields' ranges. */

export interface EthernetDescription {
  readonly source: string;
  readonly destination: string;
  /** EtherType; default: that of the header described next, or 0x88b5 (local experiments) if there is none. */
  readonly etherType?: number;
}

export interface VlanDescription {
  /** 0 … 4095. */
  readonly id: number;
  /** 0 … 7; default 0. */
  readonly priority?: number;
  readonly dropEligible?: boolean;
  /** EtherType that announces this tag; default 0x8100, and 0x88a8 for the outer of several. */
  readonly tagType?: number;
}

export interface ArpDescription {
  /** ARP_REQUEST (default) or ARP_REPLY. */
  readonly operation?: number;
  /** Default: the Ethernet source. */
  readonly senderMac?: string;
  readonly senderIp: string;
  /** Default: all zeros. */
  readonly targetMac?: string;
  readonly targetIp: string;
}

export interface Ipv4Description {
  readonly source: string;
  readonly destination: string;
  /** Default 64. */
  readonly ttl?: number;
  readonly dscp?: number;
  readonly ecn?: number;
  readonly identification?: number;
  readonly dontFragment?: boolean;
  /** Default: that of the transport described next, or 253 (experiments, RFC 3692) if there is none. */
  readonly protocol?: number;
}

export interface Ipv6Description {
  readonly source: string;
  readonly destination: string;
  /** Default 64. */
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** Default as with `Ipv4Description.protocol`. */
  readonly nextHeader?: number;
}

export interface UdpDescription {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** False stores 0, "no checksum"; only over IPv4. Default true. */
  readonly checksum?: boolean;
}

export interface TcpDescription {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequenceNumber?: number;
  readonly acknowledgmentNumber?: number;
  /** TCP_… bits; default TCP_ACK. */
  readonly flags?: number;
  /** Default 65535. */
  readonly window?: number;
}

/** Of ICMP and ICMPv6 alike. */
export interface IcmpDescription {
  /** Default: echo request. */
  readonly type?: number;
  readonly code?: number;
  readonly identifier?: number;
  readonly sequenceNumber?: number;
}

/** A frame: Ethernet, and what it carries. `PacketTemplate` calculates lengths and checksums. */
export interface PacketDescription {
  /**
   * Bytes of the frame without its CRC, from 60 on: the payload is filled up with zeros to reach it, and every length
   * field counts them. Default: what headers and payload take, with Ethernet padding behind them up to 60.
   */
  readonly size?: number;
  readonly ethernet: EthernetDescription;
  /** One tag, or several from the outermost. */
  readonly vlan?: VlanDescription | readonly VlanDescription[];
  /** At most one of `arp`, `ipv4` and `ipv6`. */
  readonly arp?: ArpDescription;
  readonly ipv4?: Ipv4Description;
  readonly ipv6?: Ipv6Description;
  /** At most one of `udp`, `tcp`, `icmp` (over IPv4) and `icmpv6` (over IPv6). */
  readonly udp?: UdpDescription;
  readonly tcp?: TcpDescription;
  readonly icmp?: IcmpDescription;
  readonly icmpv6?: IcmpDescription;
  /** Text is encoded as UTF-8. */
  readonly payload?: Uint8Array | string;
}
