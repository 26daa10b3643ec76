import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ABSENT, PacketStack, PacketTemplate, write16 } from '../../src/packets/index.ts';
import { ethernet, ipv4, ipv6, ports, SEEDED } from './support.ts';

const stack = new PacketStack();

function parse(bytes: Uint8Array): PacketStack {
  return stack.parse(bytes, 0, bytes.length);
}

/** An IPv6 frame whose payload is `chain`, the first header in it being `first`. */
function ipv6Frame(first: number, chain: readonly number[]): Uint8Array {
  const template = new PacketTemplate({
    ethernet,
    ipv6: { ...ipv6, nextHeader: first },
    payload: Uint8Array.from(chain),
  });
  return template.bytes;
}

const UDP = [0, 1, 0, 2, 0, 8, 0, 0];

describe('PacketStack', () => {
  it('finds every layer behind two VLAN tags', () => {
    const { bytes } = new PacketTemplate({
      ethernet,
      vlan: [{ id: 7 }, { id: 9 }],
      ipv4,
      udp: ports,
      payload: 'hello',
    });
    parse(bytes);
    expect(stack).toMatchObject({
      ethernet: 0,
      vlan: 14,
      vlanCount: 2,
      etherType: 0x0800,
      network: 22,
      protocol: 17,
      transport: 42,
      payload: 50,
      payloadLength: 5, // not the padding behind it
      transportLength: 13,
      end: 'payload',
      endLayer: 'udp',
      fragmented: false,
      cut: false,
    });
  });

  it('forgets the frame before', () => {
    parse(new PacketTemplate({ ethernet, vlan: { id: 1 }, ipv4, tcp: ports }).bytes);
    parse(Uint8Array.of(1, 2, 3));
    expect(stack).toMatchObject({
      ethernet: ABSENT,
      vlan: ABSENT,
      vlanCount: 0,
      network: ABSENT,
      transport: ABSENT,
      protocol: ABSENT,
      transportLength: 0,
      end: 'truncated',
      endLayer: 'ethernet',
    });
  });

  it('finds ARP, ICMP and ICMPv6, and stops at what it does not know', () => {
    parse(new PacketTemplate({ ethernet, arp: { senderIp: '10.0.0.1', targetIp: '10.0.0.2' } }).bytes);
    expect(stack).toMatchObject({ network: 14, transport: ABSENT, payload: 42, payloadLength: 0, endLayer: 'arp' });
    parse(new PacketTemplate({ ethernet, ipv4, icmp: {} }).bytes);
    expect(stack).toMatchObject({ transport: 34, protocol: 1, end: 'payload', endLayer: 'icmp' });
    parse(new PacketTemplate({ ethernet, ipv6, icmpv6: {} }).bytes);
    expect(stack).toMatchObject({ transport: 54, protocol: 58, end: 'payload', endLayer: 'icmpv6' });
    parse(new PacketTemplate({ ethernet, ipv4: { ...ipv4, protocol: 50 }, payload: 'esp' }).bytes);
    expect(stack).toMatchObject({ transport: ABSENT, protocol: 50, payload: 34, payloadLength: 3, end: 'unknown' });
    expect(stack.describe()).toMatch(/stopped at ipv4: .* protocol 50/);
    parse(new PacketTemplate({ ethernet: { ...ethernet, etherType: 0x88cc } }).bytes);
    expect(stack).toMatchObject({ network: ABSENT, payload: 14, payloadLength: 46, end: 'unknown' });
  });

  it('walks IPv6 extension headers', () => {
    const chain = [
      ...[43, 1, ...Array(14).fill(0)], // hop-by-hop, 16 bytes, then routing
      ...[51, 0, ...Array(6).fill(0)], // routing, 8 bytes, then authentication
      ...[60, 4, ...Array(22).fill(0)], // authentication, (4 + 2) × 4 bytes, then destination options
      ...[44, 0, ...Array(6).fill(0)], // then fragment
      ...[17, 0, 0, 0, 0, 0, 0, 1], // the only fragment, then UDP
    ];
    parse(ipv6Frame(0, [...chain, ...UDP]));
    expect(stack).toMatchObject({ protocol: 17, transport: 54 + chain.length, end: 'payload', fragmented: false });
  });

  it('finds no transport in later fragments', () => {
    const six = ipv6Frame(44, [17, 0, 0, 8 + 1, 0, 0, 0, 1, ...UDP]);
    expect(parse(six)).toMatchObject({ end: 'fragment', protocol: 17, transport: ABSENT, fragmented: true });
    const { bytes } = new PacketTemplate({ ethernet, ipv4, udp: ports });
    write16(bytes, 20, 0x2000); // the first one: more fragments, offset 0
    write16(bytes, 38, 1400); // of a datagram longer than this part of it
    expect(parse(bytes)).toMatchObject({ end: 'payload', transport: 34, fragmented: true });
    write16(bytes, 20, 0x0010);
    expect(parse(bytes)).toMatchObject({ end: 'fragment', transport: ABSENT, payload: 34, fragmented: true });
  });

  it('goes on in what a snap length has left', () => {
    const { bytes } = new PacketTemplate({ size: 200, ethernet, ipv4, udp: ports });
    stack.parse(bytes, 0, 60);
    expect(stack).toMatchObject({ cut: true, transport: 34, payload: 42, payloadLength: 18, end: 'payload' });
    stack.parse(bytes, 0, 41);
    expect(stack).toMatchObject({ cut: true, transport: ABSENT, end: 'truncated', endLayer: 'udp' });
  });

  it.each([
    ['IPv4 version', 14, 0x55, 'ipv4'],
    ['IPv4 header length below 20', 14, 0x44, 'ipv4'],
    ['IPv4 total length below its header', 17, 19, 'ipv4'],
    ['UDP length below 8', 39, 7, 'udp'],
    ['UDP length beyond IPv4', 38, 9, 'udp'],
  ])('says malformed: %s', (_, at, value, layer) => {
    const { bytes } = new PacketTemplate({ ethernet, ipv4, udp: ports });
    bytes[at] = value;
    expect(parse(bytes)).toMatchObject({ end: 'malformed', endLayer: layer });
    expect(stack.describe()).toMatch(/contradicts/);
  });

  it('says malformed: TCP data offset, IPv6 version', () => {
    const tcp = new PacketTemplate({ ethernet, ipv4, tcp: ports }).bytes;
    tcp[46] = 0x40;
    expect(parse(tcp)).toMatchObject({ end: 'malformed', endLayer: 'tcp', transport: ABSENT });
    const six = new PacketTemplate({ ethernet, ipv6, udp: ports }).bytes;
    six[14] = 0x45;
    expect(parse(six)).toMatchObject({ end: 'malformed', endLayer: 'ipv6' });
  });

  /** Any bytes, more often than not those of a packet with some bytes changed. */
  const nearlyPackets = fc
    .tuple(
      fc.constantFrom(
        new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'x'.repeat(40) }).bytes,
        new PacketTemplate({ ethernet, vlan: [{ id: 1 }, { id: 2 }], ipv4, tcp: ports }).bytes,
        ipv6Frame(0, [60, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, ...UDP]),
        new Uint8Array(64),
      ),
      fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 6 }),
    )
    .map(([bytes, changes]) => {
      const changed = bytes.slice();
      for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
      return changed;
    });

  it('never looks beyond the length given, and keeps its layers in order and inside', () => {
    fc.assert(
      fc.property(
        fc.oneof(nearlyPackets, fc.uint8Array({ maxLength: 120 })),
        fc.nat(120),
        fc.nat(20),
        (frame, cutAt, offset) => {
          const length = Math.min(cutAt, frame.length);
          const surrounded = (filler: number) => {
            const bytes = new Uint8Array(offset + frame.length + 300).fill(filler);
            bytes.set(frame.subarray(0, length), offset);
            return bytes;
          };
          const seen = { ...new PacketStack().parse(surrounded(0x00), offset, length) };
          expect({ ...new PacketStack().parse(surrounded(0x45), offset, length) }).toEqual(seen);
          expect({ ...new PacketStack().parse(surrounded(0xff), offset, length) }).toEqual(seen);
          const layers = [seen.ethernet, seen.vlan, seen.network, seen.transport, seen.payload].filter(
            (at) => at !== ABSENT,
          );
          expect(layers).toEqual([...layers].sort((a, b) => a - b));
          expect(seen.payloadLength).toBeGreaterThanOrEqual(0);
          expect(seen.payload + seen.payloadLength).toBeLessThanOrEqual(offset + length);
        },
      ),
      { ...SEEDED, numRuns: 3000 },
    );
  });
});
