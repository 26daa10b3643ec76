/** What the headers of ICMP (RFC 792) and ICMPv6 (RFC 4443) have in common: all but the checksum's cover. */
import { read16, write16 } from './bytes.ts';
import { HeaderView } from './header-view.ts';

export abstract class IcmpHeaderView extends HeaderView {
  get type(): number {
    return this.bytes[this.offset];
  }
  set type(value: number) {
    this.bytes[this.offset] = value;
  }

  get code(): number {
    return this.bytes[this.offset + 1];
  }
  set code(value: number) {
    this.bytes[this.offset + 1] = value;
  }

  get checksum(): number {
    return read16(this.bytes, this.offset + 2);
  }
  set checksum(value: number) {
    write16(this.bytes, this.offset + 2, value);
  }

  /** Of an echo request or reply. */
  get identifier(): number {
    return read16(this.bytes, this.offset + 4);
  }
  set identifier(value: number) {
    write16(this.bytes, this.offset + 4, value);
  }

  /** Of an echo request or reply. */
  get sequenceNumber(): number {
    return read16(this.bytes, this.offset + 6);
  }
  set sequenceNumber(value: number) {
    write16(this.bytes, this.offset + 6, value);
  }
}
