/** Sizes of Ethernet frames as the MAC sees them (datasheet rev 3.4, sections 8.2.3.22.8 and 8.2.3.22.13). */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { extract } from '../../datasheet/registers.ts';
import type { RegisterSpace } from '../register-space.ts';

/** Bytes of the frame check sequence. */
export const CRC_BYTES = 4;
/** Smallest frame without CRC. */
export const MINIMUM_FRAME = 60;
/** Largest frame without jumbo support, with CRC. */
const STANDARD_MAXIMUM = 1518;
/** Largest frame that the packet buffers take, with CRC: 15.5 KiB. */
export const ABSOLUTE_MAXIMUM = 0x3e00;
const VLAN_TAG_BYTES = 4;
const ETHERTYPE_VLAN = 0x8100;
const ETHERTYPE_OFFSET = 12;

const { HLREG0, MAXFRS } = ixgbe;

/** Largest frame with CRC that the registers allow, VLAN tags not counted. */
export function maximumFrame(registers: RegisterSpace): number {
  const jumbo = (registers.get(HLREG0) & HLREG0.bits.JUMBOEN.mask) !== 0;
  const largest = jumbo ? extract(MAXFRS.bits.MFS, registers.get(MAXFRS)) : STANDARD_MAXIMUM;
  return Math.min(largest, ABSOLUTE_MAXIMUM);
}

/** Bytes of VLAN tag in a frame, which do not count against the maximum. */
export function tagBytes(bytes: Uint8Array, offset: number): number {
  const type = (bytes[offset + ETHERTYPE_OFFSET] << 8) | bytes[offset + ETHERTYPE_OFFSET + 1];
  return type === ETHERTYPE_VLAN ? VLAN_TAG_BYTES : 0;
}
