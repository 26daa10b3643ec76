import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checksumsValid,
  ETHERNET_MINIMUM_LENGTH,
  Ipv4View,
  Ipv6View,
  type PacketDescription,
  PacketTemplate,
  TCP_SYN,
  TcpView,
  UdpView,
  VlanView,
} from '../../src/packets/index.ts';
import { ethernet, expectError, hex, ipv4, ipv6, ports, SEEDED } from './support.ts';

describe('PacketTemplate', () => {
  it('builds the bytes of a known packet', () => {
    const { bytes } = new PacketTemplate({
      ethernet: { source: '00:11:22:33:44:55', destination: '66:77:88:99:aa:bb' },
      vlan: { id: 42, priority: 5 },
      ipv4: { source: '192.168.0.1', destination: '192.168.0.199', ttl: 64, dontFragment: true },
      udp: { sourcePort: 53, destinationPort: 5353 },
      payload: 'ab',
    });
    expect(hex(bytes)).toBe(
      [
        '66778899aabb001122334455', // MAC addresses
        '8100a02a0800', // VLAN tag
        '4500001e000040004011b8b6c0a80001c0a800c7', // IPv4, 30 bytes
        '003514e9000a07416162', // UDP, 10 bytes
        '00'.repeat(12), // Ethernet padding
      ].join(''),
    );
  });

  it('counts size without CRC and lets every length field include the filling', () => {
    const template = new PacketTemplate({ size: 1514, ethernet, ipv4, udp: ports, payload: 'x' });
    expect(template.size).toBe(1514);
    expect(new Ipv4View().at(template.bytes, 14).totalLength).toBe(1500);
    expect(new UdpView().at(template.bytes, 34).length).toBe(1480);
    expect(template.layout).toMatchObject({ transport: 34, payload: 42, payloadLength: 1472 });
    const six = new PacketTemplate({ size: 100, ethernet, ipv6, udp: ports });
    expect(new Ipv6View().at(six.bytes, 14).payloadLength).toBe(46);
  });

  it('takes what headers and payload need if no size is given, and pads to the minimum', () => {
    const small = new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'abc' });
    expect(small.size).toBe(ETHERNET_MINIMUM_LENGTH);
    expect(new Ipv4View().at(small.bytes, 14).totalLength).toBe(31);
    expect(new PacketTemplate({ ethernet, ipv6, tcp: ports, payload: 'abc' }).size).toBe(14 + 40 + 20 + 3);
  });

  it('sets every field described', () => {
    const { bytes } = new PacketTemplate({
      ethernet,
      vlan: [{ id: 1 }, { id: 2, dropEligible: true, tagType: 0x88a8 }],
      ipv4: { ...ipv4, ttl: 3, dscp: 46, ecn: 1, identification: 77 },
      tcp: { ...ports, sequenceNumber: 0xffff_fff0, acknowledgmentNumber: 9, flags: TCP_SYN, window: 1000 },
    });
    expect(hex(bytes.subarray(12, 22))).toBe('88a8000188a810020800');
    expect(new VlanView().at(bytes, 18).dropEligible).toBe(true);
    const ip = new Ipv4View().at(bytes, 22);
    expect([ip.ttl, ip.dscp, ip.ecn, ip.identification, ip.protocol]).toEqual([3, 46, 1, 77, 6]);
    const tcp = new TcpView().at(bytes, 42);
    expect([tcp.sequenceNumber, tcp.acknowledgmentNumber, tcp.flags, tcp.window]).toEqual([
      0xffff_fff0,
      9,
      TCP_SYN,
      1000,
    ]);
    const six = new Ipv6View().at(
      new PacketTemplate({ ethernet, ipv6: { ...ipv6, trafficClass: 9, flowLabel: 0xabcde, hopLimit: 2 } }).bytes,
      14,
    );
    expect([six.trafficClass, six.flowLabel, six.hopLimit, six.nextHeader]).toEqual([9, 0xabcde, 2, 253]);
  });

  const mistakes: [string, PacketDescription, RegExp][] = [
    ['size below 60', { size: 59, ethernet, ipv4, udp: ports }, /packet size in bytes must be .* from 60/],
    ['size below the headers', { size: 60, ethernet, ipv6, udp: ports }, /60 bytes is too small .* make it 62/],
    ['payload beyond size', { size: 60, ethernet, ipv4, udp: ports, payload: 'x'.repeat(19) }, /make it 61/],
    ['a packet longer than IP can say', { size: 65_550, ethernet, ipv4, udp: ports }, /IPv4 total length/],
    ['two networks', { ethernet, ipv4, ipv6, udp: ports }, /at most one of arp, ipv4 and ipv6/],
    ['two transports', { ethernet, ipv4, udp: ports, tcp: ports }, /at most one of udp, tcp/],
    ['no network', { ethernet, udp: ports }, /ipv4 or ipv6 below udp/],
    ['icmp over IPv6', { ethernet, ipv6, icmp: {} }, /ipv4 below icmp/],
    ['icmpv6 over IPv4', { ethernet, ipv4, icmpv6: {} }, /ipv6 below icmpv6/],
    ['no UDP checksum over IPv6', { ethernet, ipv6, udp: { ...ports, checksum: false } }, /ipv4 below udp without/],
    [
      'port',
      { ethernet, ipv4, udp: { sourcePort: 65_536, destinationPort: 1 } },
      /UDP source port .* 65535, found 65536/,
    ],
    ['VLAN id', { ethernet, vlan: { id: 4096 } }, /VLAN id .* 4095/],
    ['MAC address', { ethernet: { source: 'x', destination: 'y' } }, /MAC address/],
    ['IPv6 address as IPv4', { ethernet, ipv4: { source: '::1', destination: '::2' } }, /IPv4 address/],
  ];
  it.each(mistakes)('refuses: %s', (_, description, message) =>
    expectError('ERR_ARGUMENT', message, () => new PacketTemplate(description)),
  );

  it('leaves out the UDP checksum when told to', () => {
    const template = new PacketTemplate({ ethernet, ipv4, udp: { ...ports, checksum: false }, payload: 'abc' });
    expect(new UdpView().at(template.bytes, 34).checksum).toBe(0);
  });

  it('prefills many buffers and touches nothing between them', () => {
    const template = new PacketTemplate({ size: 64, ethernet, ipv4, udp: ports });
    const target = new Uint8Array(1000).fill(0xee);
    template.writeAll(target, Int32Array.of(3, 200, 900));
    for (const offset of [3, 200, 900]) expect(target.subarray(offset, offset + 64)).toEqual(template.bytes);
    expect(target.filter((byte) => byte === 0xee).length).toBe(1000 - 3 * 64);
    expect(() => template.write(target, 937)).toThrow(RangeError);
  });

  it('writes a jumbo packet in segments', () => {
    const template = new PacketTemplate({ size: 5000, ethernet, ipv4, udp: ports, payload: 'y'.repeat(4958) });
    const target = new Uint8Array(5000);
    for (let from = 0; from < 5000; from += 2048) template.writePart(target, from, from, Math.min(2048, 5000 - from));
    expect(target).toEqual(template.bytes);
  });

  it('has right checksums and finds its own layers, whatever it carries', () => {
    const transports: PacketDescription[] = [
      { ethernet, ipv4, udp: ports },
      { ethernet, ipv4, tcp: ports },
      { ethernet, ipv4, icmp: {} },
      { ethernet, ipv6, udp: ports },
      { ethernet, ipv6, tcp: ports },
      { ethernet, ipv6, icmpv6: {} },
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...transports),
        fc.nat(4),
        fc.uint8Array({ maxLength: 300 }),
        (base, tags, payload) => {
          const vlan = Array.from({ length: tags }, (_, id) => ({ id }));
          const { bytes, layout } = new PacketTemplate({ ...base, vlan, payload });
          expect(layout).toMatchObject({ end: 'payload', vlanCount: tags, payloadLength: payload.length, cut: false });
          expect(bytes.subarray(layout.payload, layout.payload + payload.length)).toEqual(payload);
          expect(checksumsValid(bytes, layout)).toBe(true);
        },
      ),
      SEEDED,
    );
  });
});
