/** Ethernet II (IEEE 802.3, clause 3). */
import { readMac, writeMac } from './addresses.ts';
import { read16, write16 } from './bytes.ts';
import { HeaderView } from './header-view.ts';

export const ETHERNET_HEADER_LENGTH = 14;
/** Shortest frame, without its CRC of 4 bytes. */
export const ETHERNET_MINIMUM_LENGTH = 60;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
/** IEEE 802.1Q, customer tag. */
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
/** IEEE 802.1ad, service tag ("QinQ"). */
export const ETHERTYPE_SERVICE_VLAN = 0x88a8;

/** Whether a VLAN tag follows this EtherType. */
export function isVlanType(etherType: number): boolean {
  return etherType === ETHERTYPE_VLAN || etherType === ETHERTYPE_SERVICE_VLAN;
}

/** A cursor over an Ethernet header; see `HeaderView`. */
export class EthernetView extends HeaderView {
  /** 48 bits; see `formatMac`. */
  get destination(): number {
    return readMac(this.bytes, this.offset);
  }
  set destination(mac: number) {
    writeMac(this.bytes, this.offset, mac);
  }

  get source(): number {
    return readMac(this.bytes, this.offset + 6);
  }
  set source(mac: number) {
    writeMac(this.bytes, this.offset + 6, mac);
  }

  /** EtherType from 0x600 on; below, the length of an IEEE 802.3 frame. */
  get etherType(): number {
    return read16(this.bytes, this.offset + 12);
  }
  set etherType(value: number) {
    write16(this.bytes, this.offset + 12, value);
  }
}
