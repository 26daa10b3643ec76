/** How long frames may become, by the MTU. */
import { ETHERNET_HEADER_LENGTH } from '../packets/ethernet.ts';

const VLAN_TAGS = 8;
const CRC = 4;

/** Bytes in the largest frame on the wire, untagged, CRC included. */
export function frameOnWire(mtu: number): number {
  return mtu + ETHERNET_HEADER_LENGTH + CRC;
}

/** Bytes in the largest frame in memory: with two VLAN tags, and without CRC. */
export function frameInMemory(mtu: number): number {
  return mtu + ETHERNET_HEADER_LENGTH + VLAN_TAGS;
}
