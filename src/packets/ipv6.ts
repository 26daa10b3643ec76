/** IPv6 (RFC 8200). */
import { read16, read32, write16, write32 } from './bytes.ts';
import { pseudoHeaderSum6 } from './checksum.ts';
import { HeaderView } from './header-view.ts';
import type { PseudoHeader } from './ip.ts';

/** Without extension headers. */
export const IPV6_HEADER_LENGTH = 40;
export const IPV6_ADDRESS_LENGTH = 16;

const SOURCE = 8;
const DESTINATION = 24;

/** A cursor over an IPv6 header; see `HeaderView`. */
export class Ipv6View extends HeaderView implements PseudoHeader {
  get version(): number {
    return this.bytes[this.offset] >>> 4;
  }

  /** DSCP and ECN. Setting it also sets the version to 6. */
  get trafficClass(): number {
    return (read16(this.bytes, this.offset) >>> 4) & 0xff;
  }
  set trafficClass(value: number) {
    write16(this.bytes, this.offset, 0x6000 | ((value & 0xff) << 4) | (this.bytes[this.offset + 1] & 0x0f));
  }

  /** 20 bits. */
  get flowLabel(): number {
    return read32(this.bytes, this.offset) & 0xf_ffff;
  }
  set flowLabel(value: number) {
    write32(this.bytes, this.offset, (read32(this.bytes, this.offset) & 0xfff0_0000) | (value & 0xf_ffff));
  }

  /** Bytes behind this header, extension headers included. */
  get payloadLength(): number {
    return read16(this.bytes, this.offset + 4);
  }
  set payloadLength(value: number) {
    write16(this.bytes, this.offset + 4, value);
  }

  get nextHeader(): number {
    return this.bytes[this.offset + 6];
  }
  set nextHeader(value: number) {
    this.bytes[this.offset + 6] = value;
  }

  get hopLimit(): number {
    return this.bytes[this.offset + 7];
  }
  set hopLimit(value: number) {
    this.bytes[this.offset + 7] = value;
  }

  /** Index in `bytes` of the source address's 16 bytes; see `formatIpv6`. */
  get sourceOffset(): number {
    return this.offset + SOURCE;
  }

  get destinationOffset(): number {
    return this.offset + DESTINATION;
  }

  /** Stores the 16 bytes of `address` as the source. */
  setSource(address: Uint8Array): void {
    this.#setAddress(SOURCE, address);
  }

  setDestination(address: Uint8Array): void {
    this.#setAddress(DESTINATION, address);
  }

  pseudoHeaderSum(protocol: number, length: number): number {
    return pseudoHeaderSum6(this.bytes, this.offset, protocol, length);
  }

  #setAddress(field: number, address: Uint8Array): void {
    for (let i = 0; i < IPV6_ADDRESS_LENGTH; i++) this.bytes[this.offset + field + i] = address[i];
  }
}
