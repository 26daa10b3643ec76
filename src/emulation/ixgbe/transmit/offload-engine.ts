/**
 * Offloads on the way out (datasheet rev 3.4, sections 7.2.4, 7.2.5 and 7.4.4): makes of one packet in memory the frames that
 * leave: segments of it, with checksums and VLAN tags put in.
 */
import {
  TX_CMD_DEXT,
  TX_CMD_TSE,
  TX_CMD_VLE,
  TX_INSERT_IP_CHECKSUM,
  TX_INSERT_L4_CHECKSUM,
  TX_L4_TCP,
  TX_L4_UDP,
  TX_LEGACY_CMD_IC,
  TX_LEGACY_CSO_SHIFT,
  TX_LEGACY_CSS_SHIFT,
  TX_LEGACY_VLAN_SHIFT,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { write16 } from '../../../packets/bytes.ts';
import { FrameCopier } from '../../wires/frame-copier.ts';
import type { ModelContext } from '../context.ts';
import {
  bytesToChecksum,
  checksumOffset,
  insertIpChecksum,
  insertPlainChecksum,
  insertTransportChecksum,
} from './insert-checksums.ts';
import { adaptHeaders } from './segment-headers.ts';
import type { TransmitContext } from './transmit-context.ts';

const { DMATXCTL, DTXTCPFLGL, DTXTCPFLGH } = ixgbe;
const { FIRST_SEG, MIDDLE_SEG } = DTXTCPFLGL.bits;
const ALL_FLAGS = 0xfff;
const TAG_OFFSET = 12;
const TAG_BYTES = 4;
/** Least bytes of an IP header that hold what is changed in it. */
const IPV4_MINIMUM = 20;
const IPV6_MINIMUM = 40;

/** Bits of a first descriptor's last two words without which its packet leaves as it lies in memory. */
export const OFFLOAD_COMMANDS = TX_CMD_VLE | TX_CMD_TSE | TX_LEGACY_CMD_IC;
export const OFFLOAD_STATUSES = TX_INSERT_IP_CHECKSUM | TX_INSERT_L4_CHECKSUM;

export class OffloadEngine {
  /** The frame that was built last. */
  readonly bytes: Uint8Array;
  readonly #context: ModelContext;
  readonly #packet: Uint8Array;
  readonly #copier: FrameCopier;
  // The packet at hand.
  #length = 0;
  #command = 0;
  #status = 0;
  #headers: TransmitContext;
  #segments = 1;

  /** `packet`: where packets lie that are begun with. `none`: a context that was never written. */
  constructor(context: ModelContext, packet: Uint8Array, none: TransmitContext) {
    this.#context = context;
    this.#packet = packet;
    this.#headers = none;
    this.bytes = new Uint8Array(packet.length + TAG_BYTES);
    this.#copier = new FrameCopier(this.bytes);
  }

  /**
   * Begins with the packet in the first `length` bytes, whose first descriptor has these words; `headers` is the context that
   * it names. Returns how many frames it makes.
   */
  begin(length: number, command: number, status: number, headers: TransmitContext): number {
    this.#length = length;
    this.#command = command;
    this.#status = status;
    this.#headers = headers;
    const payload = length - headers.headers;
    const segments = this.#segmentable && payload > 0 ? Math.ceil(payload / headers.mss) : 1;
    this.#segments = segments;
    return segments;
  }

  /** Builds frame `index` in `bytes`; its length. */
  build(index: number): number {
    const advanced = (this.#command & TX_CMD_DEXT) !== 0;
    let length = this.#length;
    if (this.#segments > 1) length = this.#buildSegment(index);
    else {
      this.#copier.copy(this.#packet, 0, 0, length);
      if (advanced && this.#segmentable) this.#adapt(index, length - this.#headers.headers);
    }
    if (advanced) this.#insertChecksums(length);
    else this.#insertLegacy(length);
    return (this.#command & TX_CMD_VLE) !== 0 ? this.#insertTag(length) : length;
  }

  /** Whether it is to be cut, and the context makes sense. */
  get #segmentable(): boolean {
    const { mss, l4Type, headers, ipLength, isIpv4 } = this.#headers;
    if ((this.#command & TX_CMD_TSE) === 0 || (this.#command & TX_CMD_DEXT) === 0) return false;
    const known = l4Type === TX_L4_TCP || l4Type === TX_L4_UDP;
    const network = ipLength >= (isIpv4 ? IPV4_MINIMUM : IPV6_MINIMUM);
    return known && network && mss > 0 && headers <= this.#length && this.#hasTransport;
  }

  /** Whether the packet has the transport header that the context describes. */
  get #hasTransport(): boolean {
    const { loaded, macLength, ipLength, l4Type } = this.#headers;
    if (!loaded || checksumOffset(l4Type) < 0 || macLength <= TAG_OFFSET) return false;
    return macLength + ipLength + bytesToChecksum(l4Type) <= this.#length;
  }

  #buildSegment(index: number): number {
    const { headers, mss } = this.#headers;
    const from = headers + index * mss;
    const payload = Math.min(mss, this.#length - from);
    this.#copier.copy(this.#packet, 0, 0, headers);
    this.#copier.copy(this.#packet, from, headers, payload);
    this.#adapt(index, payload);
    return headers + payload;
  }

  #adapt(index: number, payload: number): void {
    adaptHeaders(this.bytes, this.#headers, { index, payload, flags: this.#flagsOf(index) });
  }

  /** TCP flags that a segment keeps; a packet of one segment keeps them all. */
  #flagsOf(index: number): number {
    const { registers } = this.#context;
    if (this.#segments === 1) return ALL_FLAGS;
    if (index === 0) return extract(FIRST_SEG, registers.get(DTXTCPFLGL));
    if (index < this.#segments - 1) return extract(MIDDLE_SEG, registers.get(DTXTCPFLGL));
    return extract(DTXTCPFLGH.bits.LAST_SEG, registers.get(DTXTCPFLGH));
  }

  #insertChecksums(length: number): void {
    const { loaded, macLength, ipLength, l4Type } = this.#headers;
    const wantsIp = (this.#status & TX_INSERT_IP_CHECKSUM) !== 0 && loaded;
    if (wantsIp && ipLength >= IPV4_MINIMUM && macLength + ipLength <= length) {
      insertIpChecksum(this.bytes, macLength, ipLength);
    }
    if ((this.#status & TX_INSERT_L4_CHECKSUM) === 0 || !this.#hasTransport) return;
    insertTransportChecksum(this.bytes, macLength + ipLength, length, l4Type);
  }

  #insertLegacy(length: number): void {
    if ((this.#command & TX_LEGACY_CMD_IC) === 0) return;
    const start = (this.#status >>> TX_LEGACY_CSS_SHIFT) & 0xff;
    insertPlainChecksum(this.bytes, start, length, (this.#command >>> TX_LEGACY_CSO_SHIFT) & 0xff);
  }

  /** Makes room behind the addresses. */
  #insertTag(length: number): number {
    const { bytes } = this;
    const legacy = (this.#command & TX_CMD_DEXT) === 0;
    const tag = legacy ? this.#status >>> TX_LEGACY_VLAN_SHIFT : this.#headers.vlan;
    bytes.copyWithin(TAG_OFFSET + TAG_BYTES, TAG_OFFSET, length);
    write16(bytes, TAG_OFFSET, extract(DMATXCTL.bits.VT, this.#context.registers.get(DMATXCTL)));
    write16(bytes, TAG_OFFSET + 2, tag);
    return length + TAG_BYTES;
  }
}
