/** Checksums of received packets (datasheet rev 3.4, section 7.1.11): which were checked, and which are wrong. */
import {
  RX_ERROR_IP_CHECKSUM,
  RX_ERROR_L4_CHECKSUM,
  RX_STATUS_IP_CHECKSUM,
  RX_STATUS_L4_CHECKSUM,
  RX_STATUS_UDP_CHECKSUM,
} from '../../../datasheet/ixgbe/descriptors.ts';
import { internetChecksum, pseudoHeaderSum4, pseudoHeaderSum6, sumBytes } from '../../../packets/checksum.ts';
import { IP_PROTOCOL_UDP } from '../../../packets/ip.ts';
import { IP_PROTOCOL_SCTP, NONE, type PacketHeaders } from '../../packet-headers.ts';
import { crc32c } from '../crc32.ts';

const UDP_HEADER = 8;
const SCTP_CHECKSUM = 8;
/** Sum of bytes that hold a right checksum. */
const RIGHT = 0xffff;

/** Bits of the descriptor's status and error word for the packet whose headers these are. */
export function checkChecksums(bytes: Uint8Array, headers: Readonly<PacketHeaders>): number {
  const { network, isIpv4 } = headers;
  if (network === NONE) return 0;
  let report = 0;
  if (isIpv4) {
    const wrong = internetChecksum(bytes, network, (bytes[network] & 0xf) * 4) !== 0;
    report = wrong ? RX_STATUS_IP_CHECKSUM | RX_ERROR_IP_CHECKSUM : RX_STATUS_IP_CHECKSUM;
  }
  return headers.protocol === NONE ? report : report | checkTransport(bytes, headers);
}

function checkTransport(bytes: Uint8Array, headers: Readonly<PacketHeaders>): number {
  const { protocol, transport, transportLength } = headers;
  if (protocol === IP_PROTOCOL_SCTP)
    return verdict(RX_STATUS_L4_CHECKSUM, sctpRight(bytes, transport, transportLength));
  if (protocol !== IP_PROTOCOL_UDP) {
    return verdict(RX_STATUS_L4_CHECKSUM, transportSum(bytes, headers, transportLength) === RIGHT);
  }
  const length = (bytes[transport + 4] << 8) | bytes[transport + 5];
  const absent = bytes[transport + 6] === 0 && bytes[transport + 7] === 0;
  if (length < UDP_HEADER || length > transportLength || (absent && headers.isIpv4)) return 0;
  const right = !absent && transportSum(bytes, headers, length) === RIGHT;
  return verdict(RX_STATUS_L4_CHECKSUM | RX_STATUS_UDP_CHECKSUM, right);
}

function verdict(status: number, right: boolean): number {
  return right ? status : status | RX_ERROR_L4_CHECKSUM;
}

function transportSum(bytes: Uint8Array, headers: Readonly<PacketHeaders>, length: number): number {
  const { network, protocol, transport } = headers;
  const pseudoHeader = headers.isIpv4
    ? pseudoHeaderSum4(bytes, network, protocol, length)
    : pseudoHeaderSum6(bytes, network, protocol, length);
  return sumBytes(bytes, transport, length, pseudoHeader);
}

function sctpRight(bytes: Uint8Array, at: number, length: number): boolean {
  const expected = crc32c(bytes, at, length, at + SCTP_CHECKSUM);
  const field = at + SCTP_CHECKSUM;
  const found = bytes[field] | (bytes[field + 1] << 8) | (bytes[field + 2] << 16) | (bytes[field + 3] << 24);
  return expected === found;
}
