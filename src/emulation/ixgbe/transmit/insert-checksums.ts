/** Checksums that the device puts into packets (datasheet rev 3.4, section 7.2.5). */
import { TX_L4_SCTP, TX_L4_TCP, TX_L4_UDP } from '../../../datasheet/ixgbe/descriptors.ts';
import { write16 } from '../../../packets/bytes.ts';
import { sumBytes, udpChecksum } from '../../../packets/checksum.ts';
import { crc32c } from '../crc32.ts';

const IP_CHECKSUM = 10;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const SCTP_CHECKSUM = 8;

/** Where the checksum lies in a header of type `TX_L4_…`; −1 if the type is reserved. */
export function checksumOffset(l4Type: number): number {
  if (l4Type === TX_L4_TCP) return TCP_CHECKSUM;
  if (l4Type === TX_L4_UDP) return UDP_CHECKSUM;
  return l4Type === TX_L4_SCTP ? SCTP_CHECKSUM : -1;
}

/** Bytes that a header of type `TX_L4_…` has up to the end of its checksum. */
export function bytesToChecksum(l4Type: number): number {
  return checksumOffset(l4Type) + (l4Type === TX_L4_SCTP ? 4 : 2);
}

/** Into the IPv4 header of `length` bytes at `at`. What software left in the field counts too: it should be 0. */
export function insertIpChecksum(bytes: Uint8Array, at: number, length: number): void {
  write16(bytes, at + IP_CHECKSUM, ~sumBytes(bytes, at, length));
}

/**
 * Into the transport header at `at`, over everything up to `end`. Where TCP and UDP have their checksum, software has put the
 * sum of the pseudo-header.
 */
export function insertTransportChecksum(bytes: Uint8Array, at: number, end: number, l4Type: number): void {
  const field = at + checksumOffset(l4Type);
  if (l4Type === TX_L4_SCTP) {
    const crc = crc32c(bytes, at, end - at, field);
    for (let i = 0; i < 4; i++) bytes[field + i] = (crc >>> (8 * i)) & 0xff;
    return;
  }
  const checksum = ~sumBytes(bytes, at, end - at) & 0xffff;
  write16(bytes, field, l4Type === TX_L4_UDP ? udpChecksum(checksum) : checksum);
}

/** As legacy descriptors ask for it: over everything from `start` on, stored at `field`. */
export function insertPlainChecksum(bytes: Uint8Array, start: number, end: number, field: number): void {
  if (field + 2 > end || start >= end) return;
  write16(bytes, field, ~sumBytes(bytes, start, end - start));
}
