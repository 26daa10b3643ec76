import { describe, expect, it } from 'vitest';
import { checksumsValid, Ipv4View, PacketStack, PacketTemplate, write16 } from '../../src/packets/index.ts';
import { ethernet, ipv4, ipv6, ports } from './support.ts';

function isValid(bytes: Uint8Array, length = bytes.length): boolean {
  return checksumsValid(bytes, new PacketStack().parse(bytes, 0, length));
}

describe('checksumsValid', () => {
  it('takes a UDP checksum of 0 for none over IPv4, and for wrong over IPv6', () => {
    expect(isValid(new PacketTemplate({ ethernet, ipv4, udp: { ...ports, checksum: false } }).bytes)).toBe(true);
    const six = new PacketTemplate({ ethernet, ipv6, udp: ports }).bytes;
    expect(isValid(six)).toBe(true);
    write16(six, 14 + 40 + 6, 0);
    expect(isValid(six)).toBe(false);
  });

  it('checks only the IPv4 header where the transport is not all there', () => {
    const { bytes } = new PacketTemplate({ size: 200, ethernet, ipv4, udp: ports });
    bytes[150] ^= 1;
    expect(isValid(bytes)).toBe(false);
    expect(isValid(bytes, 100)).toBe(true);
    const ip = new Ipv4View().at(bytes, 14);
    ip.moreFragments = true;
    expect(isValid(bytes)).toBe(false);
    ip.updateChecksum();
    expect(isValid(bytes)).toBe(true);
  });

  it('finds nothing wrong where there is nothing to check', () => {
    expect(isValid(new PacketTemplate({ ethernet, arp: { senderIp: '10.0.0.1', targetIp: '10.0.0.2' } }).bytes)).toBe(
      true,
    );
    expect(isValid(new PacketTemplate({ ethernet }).bytes)).toBe(true);
    expect(isValid(Uint8Array.of(1, 2, 3))).toBe(true);
  });
});
