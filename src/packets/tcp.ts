/** TCP (RFC 9293, section 3.1). */
import { read16, read32, write16, write32 } from './bytes.ts';
import { internetChecksum } from './checksum.ts';
import { IP_PROTOCOL_TCP, type PseudoHeader } from './ip.ts';
import { PortsView } from './ports-view.ts';

/** Without options. */
export const TCP_HEADER_LENGTH = 20;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

/** A cursor over a TCP header; see `HeaderView`. */
export class TcpView extends PortsView {
  get sequenceNumber(): number {
    return read32(this.bytes, this.offset + 4);
  }
  set sequenceNumber(value: number) {
    write32(this.bytes, this.offset + 4, value);
  }

  get acknowledgmentNumber(): number {
    return read32(this.bytes, this.offset + 8);
  }
  set acknowledgmentNumber(value: number) {
    write32(this.bytes, this.offset + 8, value);
  }

  /** Bytes, options included: 20 … 60 (data offset × 4). */
  get headerLength(): number {
    return (this.bytes[this.offset + 12] >>> 4) * 4;
  }
  set headerLength(length: number) {
    this.bytes[this.offset + 12] = (this.bytes[this.offset + 12] & 0x0f) | (length << 2);
  }

  /** The eight control bits, TCP_FIN … TCP_CWR. */
  get flags(): number {
    return this.bytes[this.offset + 13];
  }
  set flags(value: number) {
    this.bytes[this.offset + 13] = value;
  }

  get window(): number {
    return read16(this.bytes, this.offset + 14);
  }
  set window(value: number) {
    write16(this.bytes, this.offset + 14, value);
  }

  get checksum(): number {
    return read16(this.bytes, this.offset + 16);
  }
  set checksum(value: number) {
    write16(this.bytes, this.offset + 16, value);
  }

  get urgentPointer(): number {
    return read16(this.bytes, this.offset + 18);
  }
  set urgentPointer(value: number) {
    write16(this.bytes, this.offset + 18, value);
  }

  /** Calculates the checksum anew over `length` bytes of header and data; `ip` stands on the header below. */
  updateChecksum(ip: PseudoHeader, length: number): void {
    this.checksum = 0;
    this.checksum = internetChecksum(this.bytes, this.offset, length, ip.pseudoHeaderSum(IP_PROTOCOL_TCP, length));
  }

  isChecksumValid(ip: PseudoHeader, length: number): boolean {
    return internetChecksum(this.bytes, this.offset, length, ip.pseudoHeaderSum(IP_PROTOCOL_TCP, length)) === 0;
  }
}
