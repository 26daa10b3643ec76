/** The hash of a received packet (virtio 1.2, section 5.1.6.4.3): what steers it, and what its header reports. */
import {
  HASH_REPORT_IPV4,
  HASH_REPORT_IPV6,
  HASH_REPORT_NONE,
  HASH_REPORT_TCPV4,
  HASH_REPORT_TCPV6,
  HASH_REPORT_UDPV4,
  HASH_REPORT_UDPV6,
  HASH_TYPE_IPV4,
  HASH_TYPE_IPV6,
  HASH_TYPE_TCPV4,
  HASH_TYPE_TCPV6,
  HASH_TYPE_UDPV4,
  HASH_TYPE_UDPV6,
} from '../../../datasheet/virtio/net.ts';
import { ETHERTYPE_VLAN } from '../../../packets/ethernet.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../../../packets/ip.ts';
import { NONE, PacketHeaders } from '../../packet-headers.ts';
import { Toeplitz } from '../../toeplitz.ts';

/** rss_max_key_size: for two IPv6 addresses and two ports. */
export const HASH_KEY_BYTES = 40;
/** supported_hash_types: those without the addresses in IPv6's extension headers. */
export const HASH_TYPES =
  HASH_TYPE_IPV4 | HASH_TYPE_TCPV4 | HASH_TYPE_UDPV4 | HASH_TYPE_IPV6 | HASH_TYPE_TCPV6 | HASH_TYPE_UDPV6;

const IPV4_ADDRESSES = { at: 12, bytes: 8 };
const IPV6_ADDRESSES = { at: 8, bytes: 32 };
const PORTS = 4;

export class PacketHash {
  /** What the last `find` found: the hash (an int32), and what it is a hash of. */
  value = 0;
  report = HASH_REPORT_NONE;
  #types = 0;
  readonly #headers = new PacketHeaders();
  readonly #toeplitz = new Toeplitz(HASH_KEY_BYTES);

  /** Nothing is hashed. */
  reset(): void {
    this.#types = 0;
    this.value = 0;
    this.report = HASH_REPORT_NONE;
  }

  /** `types`: HASH_TYPE bits; `key`: up to HASH_KEY_BYTES. */
  configure(types: number, key: Uint8Array): void {
    this.reset();
    this.#types = types;
    const whole = new Uint8Array(HASH_KEY_BYTES);
    whole.set(key);
    this.#toeplitz.setKey(whole);
  }

  find(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#types === 0) return;
    const headers = this.#headers;
    headers.parse(bytes, offset, length, ETHERTYPE_VLAN);
    this.report = this.#kindOf(headers);
    this.value = 0;
    if (this.report === HASH_REPORT_NONE) return;
    const { at, bytes: size } = headers.isIpv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
    this.value = this.#toeplitz.hash(bytes, headers.network + at, size, 0);
    if (this.report === HASH_REPORT_IPV4 || this.report === HASH_REPORT_IPV6) return;
    this.value ^= this.#toeplitz.hash(bytes, headers.transport, PORTS, size);
  }

  #kindOf({ network, isIpv4, protocol }: Readonly<PacketHeaders>): number {
    const types = this.#types;
    if (network === NONE) return HASH_REPORT_NONE;
    if (isIpv4) {
      if (protocol === IP_PROTOCOL_TCP && (types & HASH_TYPE_TCPV4) !== 0) return HASH_REPORT_TCPV4;
      if (protocol === IP_PROTOCOL_UDP && (types & HASH_TYPE_UDPV4) !== 0) return HASH_REPORT_UDPV4;
      return (types & HASH_TYPE_IPV4) !== 0 ? HASH_REPORT_IPV4 : HASH_REPORT_NONE;
    }
    if (protocol === IP_PROTOCOL_TCP && (types & HASH_TYPE_TCPV6) !== 0) return HASH_REPORT_TCPV6;
    if (protocol === IP_PROTOCOL_UDP && (types & HASH_TYPE_UDPV6) !== 0) return HASH_REPORT_UDPV6;
    return (types & HASH_TYPE_IPV6) !== 0 ? HASH_REPORT_IPV6 : HASH_REPORT_NONE;
  }
}
