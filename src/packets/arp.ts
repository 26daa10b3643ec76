/** ARP for IPv4 over Ethernet (RFC 826). */
import { readMac, writeMac } from './addresses.ts';
import { read16, read32, write16, write32 } from './bytes.ts';
import { ETHERTYPE_IPV4 } from './ethernet.ts';
import { HeaderView } from './header-view.ts';

export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;

/** A cursor over an ARP packet for IPv4 over Ethernet; see `HeaderView`. */
export class ArpView extends HeaderView {
  /** Writes the fixed part: Ethernet and IPv4, and the lengths of their addresses. */
  initialize(): void {
    write16(this.bytes, this.offset, HARDWARE_ETHERNET);
    write16(this.bytes, this.offset + 2, ETHERTYPE_IPV4);
    this.bytes[this.offset + 4] = 6;
    this.bytes[this.offset + 5] = 4;
  }

  /** Whether it speaks of IPv4 over Ethernet; the other fields mean something only then. */
  get isIpv4OverEthernet(): boolean {
    return (
      read16(this.bytes, this.offset) === HARDWARE_ETHERNET &&
      read16(this.bytes, this.offset + 2) === ETHERTYPE_IPV4 &&
      this.bytes[this.offset + 4] === 6 &&
      this.bytes[this.offset + 5] === 4
    );
  }

  /** ARP_REQUEST or ARP_REPLY. */
  get operation(): number {
    return read16(this.bytes, this.offset + 6);
  }
  set operation(value: number) {
    write16(this.bytes, this.offset + 6, value);
  }

  get senderMac(): number {
    return readMac(this.bytes, this.offset + 8);
  }
  set senderMac(mac: number) {
    writeMac(this.bytes, this.offset + 8, mac);
  }

  get senderIp(): number {
    return read32(this.bytes, this.offset + 14);
  }
  set senderIp(address: number) {
    write32(this.bytes, this.offset + 14, address);
  }

  get targetMac(): number {
    return readMac(this.bytes, this.offset + 18);
  }
  set targetMac(mac: number) {
    writeMac(this.bytes, this.offset + 18, mac);
  }

  get targetIp(): number {
    return read32(this.bytes, this.offset + 24);
  }
  set targetIp(address: number) {
    write32(this.bytes, this.offset + 24, address);
  }
}
