import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ArpView,
  EthernetView,
  type HeaderView,
  IcmpView,
  Icmpv6View,
  IP_PROTOCOL_UDP,
  Ipv4View,
  Ipv6View,
  parseIpv6,
  pseudoHeaderSum4,
  TcpView,
  UdpView,
  VlanView,
} from '../../src/packets/index.ts';
import { hex, referenceChecksum, SEEDED } from './support.ts';

/** A numeric field as its RFC draws it: first bit, counted from the header's first, and width in bits. */
interface Field {
  readonly view: () => HeaderView;
  readonly name: string;
  readonly bit: number;
  readonly width: number;
  /** The view speaks in bytes where the field counts words of this many. */
  readonly unit?: number;
}

const views = {
  EthernetView: () => new EthernetView(),
  VlanView: () => new VlanView(),
  ArpView: () => new ArpView(),
  Ipv4View: () => new Ipv4View(),
  Ipv6View: () => new Ipv6View(),
  UdpView: () => new UdpView(),
  TcpView: () => new TcpView(),
  IcmpView: () => new IcmpView(),
  Icmpv6View: () => new Icmpv6View(),
};

const layouts: Record<keyof typeof views, Record<string, [bit: number, width: number, unit?: number]>> = {
  EthernetView: { destination: [0, 48], source: [48, 48], etherType: [96, 16] },
  VlanView: { priority: [0, 3], id: [4, 12], etherType: [16, 16] },
  ArpView: {
    operation: [48, 16],
    senderMac: [64, 48],
    senderIp: [112, 32],
    targetMac: [144, 48],
    targetIp: [192, 32],
  },
  Ipv4View: {
    dscp: [8, 6],
    ecn: [14, 2],
    totalLength: [16, 16],
    identification: [32, 16],
    fragmentOffset: [51, 13],
    ttl: [64, 8],
    protocol: [72, 8],
    checksum: [80, 16],
    source: [96, 32],
    destination: [128, 32],
  },
  Ipv6View: { flowLabel: [12, 20], payloadLength: [32, 16], nextHeader: [48, 8], hopLimit: [56, 8] },
  UdpView: { sourcePort: [0, 16], destinationPort: [16, 16], length: [32, 16], checksum: [48, 16] },
  TcpView: {
    sourcePort: [0, 16],
    destinationPort: [16, 16],
    sequenceNumber: [32, 32],
    acknowledgmentNumber: [64, 32],
    headerLength: [96, 4, 4],
    flags: [104, 8],
    window: [112, 16],
    checksum: [128, 16],
    urgentPointer: [144, 16],
  },
  IcmpView: { type: [0, 8], code: [8, 8], checksum: [16, 16], identifier: [32, 16], sequenceNumber: [48, 16] },
  Icmpv6View: { type: [0, 8], code: [8, 8], checksum: [16, 16], identifier: [32, 16], sequenceNumber: [48, 16] },
};

const fields = Object.entries(layouts).flatMap(([viewName, layout]) =>
  Object.entries(layout).map(([name, [bit, width, unit = 1]]): [string, Required<Field>] => [
    `${viewName}.${name}`,
    { view: views[viewName as keyof typeof views], name, bit, width, unit },
  ]),
);

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

describe('header fields', () => {
  it.each(fields)('%s is read and written where the standard has it, and nothing else changes', (_, field) => {
    const view = field.view();
    const random = fc.uint8Array({ minLength: 80, maxLength: 80 });
    fc.assert(
      fc.property(random, fc.nat(16), fc.bigInt(0n, 2n ** BigInt(field.width) - 1n), (bytes, offset, bits) => {
        view.at(bytes, offset);
        const before = bitsOf(bytes);
        const start = offset * 8 + field.bit;
        const found = Number.parseInt(before.slice(start, start + field.width), 2);
        expect(Reflect.get(view, field.name)).toBe(found * field.unit);

        Reflect.set(view, field.name, Number(bits) * field.unit);
        const written = bits.toString(2).padStart(field.width, '0');
        expect(bitsOf(bytes)).toBe(before.slice(0, start) + written + before.slice(start + field.width));
      }),
      { ...SEEDED, numRuns: 50 },
    );
  });

  it('sets flags without touching their neighbours', () => {
    const bytes = new Uint8Array(20).fill(0xff);
    const ip = new Ipv4View().at(bytes, 0);
    ip.dontFragment = false;
    expect([ip.dontFragment, ip.moreFragments, ip.fragmentOffset]).toEqual([false, true, 0x1fff]);
    ip.moreFragments = false;
    ip.dontFragment = true;
    ip.fragmentOffset = 0;
    expect(hex(bytes.subarray(6, 8))).toBe('c000'); // the reserved bit stays

    const tag = new VlanView().at(bytes, 8);
    tag.dropEligible = false;
    expect(hex(bytes.subarray(8, 10))).toBe('efff');
    expect(tag.dropEligible).toBe(false);
  });

  it('sets the version with the field beside it', () => {
    const bytes = new Uint8Array(40);
    const four = new Ipv4View().at(bytes, 0);
    four.headerLength = 24;
    expect([bytes[0], four.version, four.headerLength]).toEqual([0x46, 4, 24]);
    const six = new Ipv6View().at(bytes.fill(0xff), 0);
    six.trafficClass = 0xa5;
    expect([six.version, six.trafficClass, six.flowLabel]).toEqual([6, 0xa5, 0xf_ffff]);
  });

  it('keeps IPv6 addresses in place', () => {
    const bytes = new Uint8Array(50);
    const ip = new Ipv6View().at(bytes, 5);
    ip.setSource(parseIpv6('2001:db8::1'));
    ip.setDestination(parseIpv6('fe80::2'));
    expect(hex(bytes.subarray(ip.sourceOffset, ip.sourceOffset + 16))).toBe('20010db8000000000000000000000001');
    expect(hex(bytes.subarray(ip.destinationOffset, ip.destinationOffset + 16))).toBe(
      'fe800000000000000000000000000002',
    );
  });

  it('knows ARP for IPv4 over Ethernet', () => {
    const bytes = new Uint8Array(28);
    const arp = new ArpView().at(bytes, 0);
    expect(arp.isIpv4OverEthernet).toBe(false);
    arp.initialize();
    expect(arp.isIpv4OverEthernet).toBe(true);
    expect(hex(bytes.subarray(0, 6))).toBe('000108000604');
  });
});

describe('checksums in headers', () => {
  it('IPv4: updates, validates, and follows the TTL, options included', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), fc.integer({ min: 5, max: 15 }), (bytes, words) => {
        const ip = new Ipv4View().at(bytes, 0);
        ip.headerLength = words * 4;
        ip.ttl = Math.max(ip.ttl, 1);
        ip.updateChecksum();
        expect(referenceChecksum(bytes.subarray(0, words * 4))).toBe(0);
        expect(ip.checksumValid).toBe(true);
        const ttl = ip.ttl;
        ip.decrementTtl();
        expect(ip.ttl).toBe(ttl - 1);
        const incremental = ip.checksum;
        ip.updateChecksum();
        expect(incremental).toBe(ip.checksum);
        ip.checksum ^= 0x0100;
        expect(ip.checksumValid).toBe(false);
      }),
      SEEDED,
    );
  });

  it('UDP: a calculated 0 is stored as 0xffff, and 0 means none', () => {
    const bytes = new Uint8Array(40);
    const ip = new Ipv4View().at(bytes, 0);
    const udp = new UdpView().at(bytes, 20);
    udp.length = 10;
    // The payload complements everything else, so the sum is 0xffff and the checksum 0.
    const rest = pseudoHeaderSum4(bytes, 0, IP_PROTOCOL_UDP, 10) + udp.length;
    bytes[28] = (0xffff - rest) >> 8;
    bytes[29] = 0xffff - rest;
    udp.updateChecksum(ip);
    expect(udp.checksum).toBe(0xffff);
    expect(udp.isChecksumValid(ip)).toBe(true);
    bytes[29] ^= 1;
    expect(udp.isChecksumValid(ip)).toBe(false);
    udp.checksum = 0;
    expect(udp.isChecksumValid(ip)).toBe(true);
  });

  it('TCP, ICMP and ICMPv6: what is updated is valid, and any change of a bit is not', () => {
    const ip = new Ipv6View().at(new Uint8Array(40).fill(7), 0);
    const tcp = new TcpView();
    const icmp = new IcmpView();
    const icmpv6 = new Icmpv6View();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 90 }), fc.nat(), (bytes, position) => {
        const length = bytes.length;
        for (const [update, valid] of [
          [() => tcp.at(bytes, 0).updateChecksum(ip, length), () => tcp.isChecksumValid(ip, length)],
          [() => icmp.at(bytes, 0).updateChecksum(length), () => icmp.isChecksumValid(length)],
          [() => icmpv6.at(bytes, 0).updateChecksum(ip, length), () => icmpv6.isChecksumValid(ip, length)],
        ] as const) {
          update();
          expect(valid()).toBe(true);
          bytes[position % length] ^= 1 << (position % 8);
          expect(valid()).toBe(false);
        }
      }),
      SEEDED,
    );
  });
});
