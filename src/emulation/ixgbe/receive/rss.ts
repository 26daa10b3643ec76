/**
 * Receive side scaling (datasheet rev 3.4, section 7.1.2.8): a Toeplitz hash over addresses and ports, and a table from its
 * last seven bits to queues.
 */
import {
  RX_RSS_IPV4,
  RX_RSS_IPV6,
  RX_RSS_NONE,
  RX_RSS_TCP_IPV4,
  RX_RSS_TCP_IPV6,
  RX_RSS_UDP_IPV4,
  RX_RSS_UDP_IPV6,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from '../../../packets/ip.ts';
import { NONE, type PacketHeaders } from '../../packet-headers.ts';
import { Toeplitz } from '../../toeplitz.ts';
import type { ModelContext } from '../context.ts';

const { MRQC, RETA, RSSRK, RXCSUM } = ixgbe;
const { TCP_IPV4, IPV4, TCP_IPV6, IPV6, UDP_IPV4, UDP_IPV6 } = MRQC.bits;
const KEY_BYTES = 40;
const ENTRIES = 128;
/** MRQC.MRQE: RSS alone, without virtualization and traffic classes. */
const RSS_ALONE = 1;

const IPV4_SOURCE = 12;
const IPV4_ADDRESSES = 8;
const IPV6_SOURCE = 8;
const IPV6_ADDRESSES = 32;
const PORTS = 4;

export class Rss {
  /** Whether it chooses the queues. */
  enabled = false;
  /** What the last call of `classify` found: RSS type, hash (an int32), and queue. */
  type = RX_RSS_NONE;
  hash = 0;
  queue = 0;
  readonly #context: ModelContext;
  readonly #toeplitz = new Toeplitz(KEY_BYTES);
  readonly #queues = new Uint8Array(ENTRIES);
  #fields = 0;
  /** Descriptors report the hash, and not a checksum in its place. */
  #reports = false;

  constructor(context: ModelContext) {
    this.#context = context;
    const { registers, judge } = context;
    registers.onWrite(RETA, (value, _before, index) => {
      for (let i = 0; i < 4; i++) this.#queues[4 * index + i] = (value >>> (8 * i)) & 0xf;
      return value;
    });
    registers.onWrite(RSSRK, (value, _before, index) => {
      registers.set(RSSRK, value, index);
      this.configure();
      return value;
    });
    const { MRQE } = MRQC.bits;
    registers.onWrite(MRQC, (value, before) => {
      const receiving = (registers.get(ixgbe.RXCTRL) & ixgbe.RXCTRL.bits.RXEN.mask) !== 0;
      if (receiving && ((value ^ before) & MRQE.mask) !== 0) {
        judge.record('rx.rss-while-enabled', { register: 'MRQC' });
      }
      registers.set(MRQC, value);
      this.configure();
      return value;
    });
  }

  /** Takes over what the registers say. */
  configure(): void {
    const { registers } = this.#context;
    const control = registers.get(MRQC);
    this.enabled = (control & MRQC.bits.MRQE.mask) === RSS_ALONE;
    this.#fields = control;
    this.#reports = (registers.get(RXCSUM) & RXCSUM.bits.PCSD.mask) !== 0;
    if (!this.enabled) return;
    const key = Uint8Array.from({ length: KEY_BYTES }, (_, i) => registers.get(RSSRK, i >>> 2) >>> (8 * (i & 3)));
    this.#toeplitz.setKey(key);
  }

  reset(): void {
    this.#queues.fill(0);
    this.configure();
  }

  /** Finds hash and queue of a packet; those without a hash go to queue 0. */
  classify(bytes: Uint8Array, headers: Readonly<PacketHeaders>): void {
    const type = this.#typeOf(headers);
    this.type = this.#reports ? type : RX_RSS_NONE;
    const hash = type === RX_RSS_NONE ? 0 : this.#hashOf(type, bytes, headers);
    this.hash = this.#reports ? hash : 0;
    this.queue = type === RX_RSS_NONE ? 0 : this.#queues[hash & (ENTRIES - 1)];
  }

  /** The first of the functions switched on that fits, ports before addresses alone. */
  #typeOf({ network, isIpv4, protocol }: Readonly<PacketHeaders>): number {
    if (network === NONE) return RX_RSS_NONE;
    const fields = this.#fields;
    if (isIpv4) {
      if (protocol === IP_PROTOCOL_TCP && (fields & TCP_IPV4.mask) !== 0) return RX_RSS_TCP_IPV4;
      if (protocol === IP_PROTOCOL_UDP && (fields & UDP_IPV4.mask) !== 0) return RX_RSS_UDP_IPV4;
      return (fields & IPV4.mask) !== 0 ? RX_RSS_IPV4 : RX_RSS_NONE;
    }
    if (protocol === IP_PROTOCOL_TCP && (fields & TCP_IPV6.mask) !== 0) return RX_RSS_TCP_IPV6;
    if (protocol === IP_PROTOCOL_UDP && (fields & UDP_IPV6.mask) !== 0) return RX_RSS_UDP_IPV6;
    return (fields & IPV6.mask) !== 0 ? RX_RSS_IPV6 : RX_RSS_NONE;
  }

  #hashOf(type: number, bytes: Uint8Array, { network, isIpv4, transport }: Readonly<PacketHeaders>): number {
    const toeplitz = this.#toeplitz;
    const length = isIpv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
    const addresses = toeplitz.hash(bytes, network + (isIpv4 ? IPV4_SOURCE : IPV6_SOURCE), length, 0);
    if (type === RX_RSS_IPV4 || type === RX_RSS_IPV6) return addresses;
    return addresses ^ toeplitz.hash(bytes, transport, PORTS, length);
  }
}
