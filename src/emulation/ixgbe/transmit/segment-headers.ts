/** What changes in the headers from segment to segment of a large send (datasheet rev 3.4, section 7.2.4.7). */
import { TX_L4_TCP } from '../../../datasheet/ixgbe/descriptors.ts';
import { read16, write16 } from '../../../packets/bytes.ts';
import { foldSum } from '../../../packets/checksum.ts';
import { checksumOffset } from './insert-checksums.ts';
import type { TransmitContext } from './transmit-context.ts';

const IPV4_TOTAL_LENGTH = 2;
const IPV4_IDENTIFICATION = 4;
const IPV6_PAYLOAD_LENGTH = 4;
const IPV6_HEADER = 40;
const TCP_SEQUENCE = 4;
const TCP_FLAGS = 12;
const TCP_FLAG_BITS = 0xfff;
const UDP_LENGTH = 4;

/** Which segment this is, and which TCP flags it keeps. */
interface Segment {
  readonly index: number;
  /** Bytes of payload in it. */
  readonly payload: number;
  readonly flags: number;
}

/** Adapts the headers at the front of `bytes`, copies of the first segment's, but for their checksums. */
export function adaptHeaders(bytes: Uint8Array, context: Readonly<TransmitContext>, segment: Readonly<Segment>): void {
  const ip = context.macLength;
  const transport = ip + context.ipLength;
  const { index, payload } = segment;
  const length = context.l4Length + payload;
  if (context.isIpv4) {
    write16(bytes, ip + IPV4_TOTAL_LENGTH, context.ipLength + length);
    write16(bytes, ip + IPV4_IDENTIFICATION, read16(bytes, ip + IPV4_IDENTIFICATION) + index);
  } else write16(bytes, ip + IPV6_PAYLOAD_LENGTH, context.ipLength - IPV6_HEADER + length);
  if (context.l4Type === TX_L4_TCP) adaptTcp(bytes, transport, index * context.mss, segment.flags);
  else write16(bytes, transport + UDP_LENGTH, length);
  // Software's sum of the pseudo-header leaves the length out, as it differs from segment to segment.
  const field = transport + checksumOffset(context.l4Type);
  write16(bytes, field, foldSum(read16(bytes, field) + length));
}

function adaptTcp(bytes: Uint8Array, at: number, offset: number, flags: number): void {
  const high = read16(bytes, at + TCP_SEQUENCE);
  const sequence = ((high << 16) | read16(bytes, at + TCP_SEQUENCE + 2)) + offset;
  write16(bytes, at + TCP_SEQUENCE, sequence >>> 16);
  write16(bytes, at + TCP_SEQUENCE + 2, sequence);
  write16(bytes, at + TCP_FLAGS, read16(bytes, at + TCP_FLAGS) & (~TCP_FLAG_BITS | flags));
}
