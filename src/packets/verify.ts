/** Checks the checksums of a whole frame. */
import { internetChecksum, pseudoHeaderSum4, pseudoHeaderSum6, sumBytes } from './checksum.ts';
import { ETHERTYPE_IPV4 } from './ethernet.ts';
import { IP_PROTOCOL_ICMP, IP_PROTOCOL_UDP } from './ip.ts';
import { ABSENT, type PacketStack } from './stack.ts';

/**
 * Whether every checksum in a frame is right, as far as the frame carries what they cover: of fragments and of frames
 * cut short, only IPv4's own is checked. `stack` has just parsed the frame in `bytes`. A UDP checksum of 0 is "none" and
 * right over IPv4, wrong over IPv6 (RFC 8200, section 8.1). An IPv6 routing header's final destination is not looked up.
 */
export function checksumsValid(bytes: Uint8Array, stack: Readonly<PacketStack>): boolean {
  const isIpv4 = stack.etherType === ETHERTYPE_IPV4;
  const { network, transport } = stack;
  if (network === ABSENT) return true;
  if (isIpv4 && internetChecksum(bytes, network, (bytes[network] & 0x0f) * 4) !== 0) return false;
  if (transport === ABSENT || stack.fragmented || stack.cut) return true;
  if (stack.protocol === IP_PROTOCOL_UDP && bytes[transport + 6] === 0 && bytes[transport + 7] === 0) return isIpv4;
  return transportSum(bytes, stack) === 0xffff;
}

/** Sum over a frame's transport header, payload and pseudo-header; 0xffff where the checksum in it is right. */
export function transportSum(bytes: Uint8Array, stack: Readonly<PacketStack>): number {
  return sumBytes(bytes, stack.transport, stack.transportLength, pseudoHeaderSum(bytes, stack));
}

function pseudoHeaderSum(bytes: Uint8Array, stack: Readonly<PacketStack>): number {
  const { protocol, network, transportLength } = stack;
  if (protocol === IP_PROTOCOL_ICMP) return 0;
  return stack.etherType === ETHERTYPE_IPV4
    ? pseudoHeaderSum4(bytes, network, protocol, transportLength)
    : pseudoHeaderSum6(bytes, network, protocol, transportLength);
}
