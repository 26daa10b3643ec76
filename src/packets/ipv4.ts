/** IPv4 (RFC 791; DSCP and ECN as in RFC 2474 and RFC 3168). */
import { read16, read32, write16, write32 } from './bytes.ts';
import { internetChecksum, pseudoHeaderSum4, updateChecksum16 } from './checksum.ts';
import { HeaderView } from './header-view.ts';
import type { PseudoHeader } from './ip.ts';

/** Without options. */
export const IPV4_HEADER_LENGTH = 20;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff;

/** A cursor over an IPv4 header; see `HeaderView`. */
export class Ipv4View extends HeaderView implements PseudoHeader {
  get version(): number {
    return this.bytes[this.offset] >>> 4;
  }

  /** Bytes, options included: 20 … 60 (IHL × 4). */
  get headerLength(): number {
    return (this.bytes[this.offset] & 0x0f) * 4;
  }
  /** Also sets the version to 4. */
  set headerLength(length: number) {
    this.bytes[this.offset] = 0x40 | (length >>> 2);
  }

  get dscp(): number {
    return this.bytes[this.offset + 1] >>> 2;
  }
  set dscp(value: number) {
    this.bytes[this.offset + 1] = (value << 2) | (this.bytes[this.offset + 1] & 3);
  }

  get ecn(): number {
    return this.bytes[this.offset + 1] & 3;
  }
  set ecn(value: number) {
    this.bytes[this.offset + 1] = (this.bytes[this.offset + 1] & 0xfc) | (value & 3);
  }

  /** Bytes of header and payload. */
  get totalLength(): number {
    return read16(this.bytes, this.offset + 2);
  }
  set totalLength(value: number) {
    write16(this.bytes, this.offset + 2, value);
  }

  get identification(): number {
    return read16(this.bytes, this.offset + 4);
  }
  set identification(value: number) {
    write16(this.bytes, this.offset + 4, value);
  }

  get dontFragment(): boolean {
    return (read16(this.bytes, this.offset + 6) & DONT_FRAGMENT) !== 0;
  }
  set dontFragment(value: boolean) {
    this.#setFragmentBits(DONT_FRAGMENT, value ? DONT_FRAGMENT : 0);
  }

  get moreFragments(): boolean {
    return (read16(this.bytes, this.offset + 6) & MORE_FRAGMENTS) !== 0;
  }
  set moreFragments(value: boolean) {
    this.#setFragmentBits(MORE_FRAGMENTS, value ? MORE_FRAGMENTS : 0);
  }

  /** In units of 8 bytes, 0 … 8191. */
  get fragmentOffset(): number {
    return read16(this.bytes, this.offset + 6) & FRAGMENT_OFFSET_MASK;
  }
  set fragmentOffset(value: number) {
    this.#setFragmentBits(FRAGMENT_OFFSET_MASK, value & FRAGMENT_OFFSET_MASK);
  }

  get ttl(): number {
    return this.bytes[this.offset + 8];
  }
  set ttl(value: number) {
    this.bytes[this.offset + 8] = value;
  }

  get protocol(): number {
    return this.bytes[this.offset + 9];
  }
  set protocol(value: number) {
    this.bytes[this.offset + 9] = value;
  }

  get checksum(): number {
    return read16(this.bytes, this.offset + 10);
  }
  set checksum(value: number) {
    write16(this.bytes, this.offset + 10, value);
  }

  /** Unsigned; see `formatIpv4`. */
  get source(): number {
    return read32(this.bytes, this.offset + 12);
  }
  set source(address: number) {
    write32(this.bytes, this.offset + 12, address);
  }

  get destination(): number {
    return read32(this.bytes, this.offset + 16);
  }
  set destination(address: number) {
    write32(this.bytes, this.offset + 16, address);
  }

  /** Calculates the header checksum anew and stores it. */
  updateChecksum(): void {
    this.checksum = 0;
    this.checksum = internetChecksum(this.bytes, this.offset, this.headerLength);
  }

  get checksumValid(): boolean {
    return internetChecksum(this.bytes, this.offset, this.headerLength) === 0;
  }

  /** One hop: TTL less one, the checksum updated incrementally. The TTL must not be 0. */
  decrementTtl(): void {
    const before = read16(this.bytes, this.offset + 8);
    const after = before - 0x100;
    write16(this.bytes, this.offset + 8, after);
    this.checksum = updateChecksum16(this.checksum, before, after);
  }

  pseudoHeaderSum(protocol: number, length: number): number {
    return pseudoHeaderSum4(this.bytes, this.offset, protocol, length);
  }

  #setFragmentBits(mask: number, bits: number): void {
    write16(this.bytes, this.offset + 6, (read16(this.bytes, this.offset + 6) & ~mask) | bits);
  }
}
