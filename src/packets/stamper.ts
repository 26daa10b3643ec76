/** The inner loop of a generator: writes what differs from packet to packet, and keeps the checksums right. */
import { checkInteger, IxyError } from '../errors.ts';
import { parseIpv4, parseIpv6 } from './addresses.ts';
import { read16, read32, write16, write32 } from './bytes.ts';
import { addWord32, foldSum, sumBytes, udpChecksum } from './checksum.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethernet.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from './ip.ts';
import { IPV4_HEADER_LENGTH } from './ipv4.ts';
import { DEFAULT_SEQUENCE_MAGIC, SEQUENCE_STAMP_LENGTH, SequenceView } from './sequence.ts';
import { ABSENT, type PacketStack } from './stack.ts';
import type { PacketTemplate } from './template.ts';
import { type VaryingField, VaryingFields } from './varying-fields.ts';
import { transportSum } from './verify.ts';

/** Addresses `first … last`, both included, in steps of `step` (default 1). */
export interface AddressRange {
  readonly first: string;
  readonly last: string;
  readonly step?: number;
}

/** Ports `first … last` (0 … 65535), both included, in steps of `step` (default 1). */
export interface PortRange {
  readonly first: number;
  readonly last: number;
  readonly step?: number;
}

/** What differs from packet to packet; without any, nothing does. */
export interface StampOptions {
  /** Of the template's IP version; IPv6 addresses may differ from it and each other in their last 32 bits only. */
  readonly sourceIp?: AddressRange;
  readonly destinationIp?: AddressRange;
  readonly sourcePort?: PortRange;
  readonly destinationPort?: PortRange;
  /**
   * Puts a sequence stamp at the start of the payload: true, or its magic word (32 bits, default `DEFAULT_SEQUENCE_MAGIC`)
   * and first number (default 0).
   */
  readonly sequence?: boolean | { readonly magic?: number; readonly first?: number };
}

/**
 * Stamps packets that were prefilled from a template: the values of all ranges, which advance side by side with every
 * packet, the sequence stamp, and the checksums these change.
 *
 * The checksums come from the sum of all that stays the same, taken once, plus the words just written. Nothing is read
 * from the packet, so it does not matter which stamp the buffer bore before, as long as the rest is the template's.
 */
export class PacketStamper {
  readonly #addresses: VaryingFields;
  readonly #ports: VaryingFields;
  readonly #magic: number;
  /** Offsets in the packet; ABSENT where there is none, or where it never changes. */
  readonly #stamp: number;
  readonly #networkChecksum: number;
  readonly #transportChecksum: number;
  readonly #networkSum: number;
  readonly #transportSum: number;
  readonly #coversAddresses: boolean;
  readonly #isUdp: boolean;
  #high: number;
  #low: number;

  /** Throws `ERR_ARGUMENT` if the template lacks a field that is to vary, or has no room for the stamp. */
  constructor(template: PacketTemplate, options: StampOptions) {
    const { layout } = template;
    const sequence = typeof options.sequence === 'object' ? options.sequence : {};
    const first = sequence.first ?? 0;
    checkInteger('first sequence number', first, 0, Number.MAX_SAFE_INTEGER);
    this.#high = Math.floor(first / 0x1_0000_0000);
    this.#low = first | 0;
    this.#magic = sequence.magic ?? DEFAULT_SEQUENCE_MAGIC;
    checkInteger('sequence magic', this.#magic, 0, 0xffff_ffff);
    this.#stamp = options.sequence ? stampOffset(template) : ABSENT;
    this.#addresses = new VaryingFields(addressFields(template, options));
    this.#ports = new VaryingFields(portFields(layout, options));

    const constant = this.#constantBytes(template);
    const isIpv4 = layout.etherType === ETHERTYPE_IPV4;
    this.#networkChecksum = isIpv4 && this.#addresses.count > 0 ? layout.network + 10 : ABSENT;
    this.#networkSum = isIpv4 ? sumBytes(constant, layout.network, IPV4_HEADER_LENGTH) : 0;
    this.#transportChecksum = transportChecksumOffset(template);
    this.#transportSum = this.#transportChecksum === ABSENT ? 0 : transportSum(constant, layout);
    this.#coversAddresses = layout.protocol !== IP_PROTOCOL_ICMP;
    this.#isUdp = layout.protocol === IP_PROTOCOL_UDP;
  }

  /** The number that the next packet gets. */
  get sequence(): number {
    return this.#high * 0x1_0000_0000 + (this.#low >>> 0);
  }

  /** Stamps the packet at `bytes[offset …]` and moves on. */
  stamp(bytes: Uint8Array, offset: number): void {
    const addressSum = this.#addresses.write32(bytes, offset);
    let sum = this.#transportSum + this.#ports.write16(bytes, offset);
    if (this.#coversAddresses) sum += addressSum;
    if (this.#stamp !== ABSENT) sum += this.#writeSequence(bytes, offset + this.#stamp);
    if (this.#networkChecksum !== ABSENT) {
      write16(bytes, offset + this.#networkChecksum, ~foldSum(this.#networkSum + addressSum));
    }
    if (this.#transportChecksum !== ABSENT) {
      const checksum = ~foldSum(sum) & 0xffff;
      write16(bytes, offset + this.#transportChecksum, this.#isUdp ? udpChecksum(checksum) : checksum);
    }
  }

  /** Writes magic and number, advances, and returns the sum of the number's words. */
  #writeSequence(bytes: Uint8Array, offset: number): number {
    const high = this.#high;
    const low = this.#low;
    write32(bytes, offset, this.#magic);
    write32(bytes, offset + 4, high);
    write32(bytes, offset + 8, low);
    this.#low = (low + 1) | 0;
    if (this.#low === 0) this.#high = high + 1;
    return addWord32(addWord32(0, high), low);
  }

  /** The template with zeros for all that `stamp` writes, but with the magic. */
  #constantBytes(template: PacketTemplate): Uint8Array {
    const bytes = template.bytes.slice();
    const { layout } = template;
    this.#addresses.clear(bytes, 4);
    this.#ports.clear(bytes, 2);
    if (this.#stamp !== ABSENT) {
      const view = new SequenceView().at(bytes, this.#stamp);
      view.magic = this.#magic;
      view.sequence = 0;
    }
    if (layout.etherType === ETHERTYPE_IPV4) write16(bytes, layout.network + 10, 0);
    const checksum = transportChecksumOffset(template);
    if (checksum !== ABSENT) write16(bytes, checksum, 0);
    return bytes;
  }
}

function addressFields(template: PacketTemplate, options: StampOptions): VaryingField[] {
  const { network, etherType } = template.layout;
  const fields: VaryingField[] = [];
  const add = (range: AddressRange | undefined, ipv4Offset: number, ipv6Offset: number) => {
    if (!range) return;
    const step = range.step ?? 1;
    if (etherType === ETHERTYPE_IPV4 && network !== ABSENT) {
      const offset = network + ipv4Offset;
      fields.push({ offset, first: parseIpv4(range.first), last: parseIpv4(range.last), step });
    } else if (etherType === ETHERTYPE_IPV6 && network !== ABSENT) {
      const offset = network + ipv6Offset;
      const first = lastWord(range.first, template.bytes, offset);
      fields.push({ offset: offset + 12, first, last: lastWord(range.last, template.bytes, offset), step });
    } else {
      throw new IxyError('ERR_ARGUMENT', 'IP addresses cannot vary: the template has no IP header');
    }
  };
  add(options.sourceIp, 12, 8);
  add(options.destinationIp, 16, 24);
  return fields;
}

/** The last 32 bits of an IPv6 address whose other bits are those of the address at `offset`. */
function lastWord(text: string, bytes: Uint8Array, offset: number): number {
  const address = parseIpv6(text);
  for (let i = 0; i < 12; i++) {
    if (address[i] !== bytes[offset + i]) {
      throw new IxyError('ERR_ARGUMENT', `${text}: a range may change only the last 32 bits of the template's address`);
    }
  }
  return read32(address, 12);
}

function portFields(layout: Readonly<PacketStack>, options: StampOptions): VaryingField[] {
  const fields: VaryingField[] = [];
  const add = (range: PortRange | undefined, offset: number) => {
    if (!range) return;
    if (layout.protocol !== IP_PROTOCOL_UDP && layout.protocol !== IP_PROTOCOL_TCP) {
      throw new IxyError('ERR_ARGUMENT', 'ports cannot vary: the template has no UDP or TCP header');
    }
    checkInteger('first port', range.first, 0, 0xffff);
    checkInteger('last port', range.last, range.first, 0xffff);
    fields.push({ offset: layout.transport + offset, first: range.first, last: range.last, step: range.step ?? 1 });
  };
  add(options.sourcePort, 0);
  add(options.destinationPort, 2);
  return fields;
}

function stampOffset({ layout, size }: PacketTemplate): number {
  if (layout.transport === ABSENT) {
    throw new IxyError('ERR_ARGUMENT', 'a sequence number needs a UDP, TCP or ICMP header in front of it');
  }
  const missing = SEQUENCE_STAMP_LENGTH - layout.payloadLength;
  if (missing > 0) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `a sequence number needs ${SEQUENCE_STAMP_LENGTH} bytes of payload, the template has ${layout.payloadLength}; ` +
        `set its size to ${Math.max(size, layout.payload + SEQUENCE_STAMP_LENGTH)} or more`,
    );
  }
  return layout.payload;
}

/** Where the transport's checksum is; ABSENT if there is none or, over UDP, if it is not used. */
function transportChecksumOffset({ bytes, layout }: PacketTemplate): number {
  const { transport, protocol } = layout;
  if (transport === ABSENT) return ABSENT;
  if (protocol === IP_PROTOCOL_TCP) return transport + 16;
  if (protocol !== IP_PROTOCOL_UDP) return transport + 2;
  return read16(bytes, transport + 6) === 0 ? ABSENT : transport + 6;
}
