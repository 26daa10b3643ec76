/** What tshark thinks of the packets made here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  CaptureFileWriter,
  formatIpv4,
  ICMP_ECHO_REPLY,
  ICMPV6_ECHO_REPLY,
  type PacketDescription,
  PacketStamper,
  PacketTemplate,
  parseIpv4,
  type StampOptions,
} from '../../src/packets/index.ts';
import { haveTools, tshark } from '../support/tools.ts';
import { type Packet, packet, writeFile } from './capture-support.ts';
import { ethernet, ipv4, ipv6, ports } from './support.ts';

const available = haveTools('tshark');
const directory = mkdtempSync(join(tmpdir(), 'ixy-judges-'));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, packets: readonly Packet[]): string {
  return writeFile(join(directory, name), packets);
}

/** Checksum states and complaints; tshark's 1 is "good", 0 is "bad". */
const VERDICT = [
  'ip.checksum.status',
  'udp.checksum.status',
  'tcp.checksum.status',
  'icmp.checksum.status',
  'icmpv6.checksum.status',
  '_ws.malformed',
  '_ws.expert.message',
];

const transports: [string, PacketDescription, verdict: string[]][] = [
  ['UDP over IPv4', { ethernet, ipv4, udp: ports }, ['1', '1', '', '', '', '', '']],
  ['TCP over IPv4', { ethernet, ipv4, tcp: ports }, ['1', '', '1', '', '', '', '']],
  ['ICMP', { ethernet, ipv4, icmp: { type: ICMP_ECHO_REPLY, identifier: 7 } }, ['1', '', '', '1', '', '', '']],
  ['UDP over IPv6', { ethernet, ipv6, udp: ports }, ['', '1', '', '', '', '', '']],
  ['TCP over IPv6', { ethernet, ipv6, tcp: ports }, ['', '', '1', '', '', '', '']],
  ['ICMPv6', { ethernet, ipv6, icmpv6: { type: ICMPV6_ECHO_REPLY } }, ['', '', '', '', '1', '', '']],
];
const tags = [[], [{ id: 100, priority: 3 }], [{ id: 4095 }, { id: 1 }]];
const sizes = [94, 95, 127, 128, 1514, 1518, 9018, 16_000, 65_000];

describe.skipIf(!available)('tshark on templates', () => {
  it.each(transports)(
    '%s: right checksums and lengths, nothing malformed, at all sizes and tag depths',
    (name, base, verdict) => {
      const templates = tags.flatMap((vlan) => [
        new PacketTemplate({ ...base, vlan, payload: 'odd' }),
        ...sizes.map((size) => new PacketTemplate({ ...base, vlan, size, payload: 'some payload' })),
      ]);
      const path = write(
        `${name}.pcap`,
        templates.map(({ bytes }) => packet(bytes)),
      );
      const options = ['-o', 'tcp.analyze_sequence_numbers:FALSE'];
      const rows = tshark(path, [...VERDICT, 'frame.len'], ...options);
      expect(rows).toEqual(templates.map(({ size }) => [...verdict, String(size)]));
    },
  );

  it('the smallest UDP packet, ARP, and a packet without UDP checksum', () => {
    const rows = tshark(
      write('small.pcap', [
        packet(new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports }).bytes),
        packet(new PacketTemplate({ ethernet, arp: { senderIp: '10.0.0.1', targetIp: '10.0.0.2' } }).bytes),
        packet(new PacketTemplate({ ethernet, ipv4, udp: { ...ports, checksum: false } }).bytes),
      ]),
      [
        '_ws.col.Protocol',
        'udp.length',
        'udp.checksum.status',
        'arp.dst.proto_ipv4',
        '_ws.malformed',
        '_ws.expert.message',
      ],
    );
    expect(rows).toEqual([
      ['UDP', '26', '1', '', '', ''],
      ['ARP', '', '', '10.0.0.2', '', ''],
      ['UDP', '8', '3', '', '', ''], // 3: not present
    ]);
  });

  it('would notice a wrong checksum', () => {
    const { bytes } = new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports });
    bytes[25] ^= 1;
    bytes[41] ^= 1;
    const [row] = tshark(write('bad.pcap', [packet(bytes)]), VERDICT);
    expect(row.slice(0, 2)).toEqual(['0', '0']);
    expect(row[6]).toMatch(/[Bb]ad checksum/);
  });
});

describe.skipIf(!available)('tshark on stamped packets', () => {
  const ranges = {
    sourcePort: { first: 60_000, last: 65_535, step: 7 },
    destinationPort: { first: 50_000, last: 50_999 },
  };
  const four: StampOptions = {
    ...ranges,
    sourceIp: { first: '10.0.0.1', last: '10.0.3.254' },
    destinationIp: { first: '223.255.255.0', last: '224.0.0.99' },
    sequence: { first: 2 ** 32 - 1000 },
  };
  const six: StampOptions = {
    ...ranges,
    sourceIp: { first: '2001:db8::1', last: '2001:db8::1:ffff', step: 257 },
    sequence: true,
  };
  const count = 3000;

  it.each<[string, PacketDescription, StampOptions, string]>([
    ['UDP over IPv4', { size: 60, ethernet, ipv4, udp: ports }, four, 'udp'],
    ['UDP over IPv4 with a tag', { size: 67, ethernet, vlan: { id: 3 }, ipv4, udp: ports }, four, 'udp'],
    ['TCP over IPv4', { size: 70, ethernet, ipv4, tcp: ports }, four, 'tcp'],
    ['UDP over IPv6', { size: 74, ethernet, ipv6, udp: ports }, six, 'udp'],
  ])('%s: every checksum is right, every value its own', (name, description, options, transport) => {
    const template = new PacketTemplate(description);
    const stamper = new PacketStamper(template, options);
    const path = join(directory, `stamped ${name}.pcap`);
    const writer = new CaptureFileWriter(path);
    const bytes = template.bytes.slice();
    for (let i = 0; i < count; i++) {
      stamper.stamp(bytes, 0);
      writer.write(bytes, 0, bytes.length, i, 0);
    }
    writer.close();
    const isIpv4 = description.ipv4 !== undefined;
    const columns = ['ip.checksum.status', 'ip.src', 'ip.dst', `${transport}.checksum.status`];
    const values = [`${transport}.srcport`, `${transport}.dstport`, `${transport}.payload`, '_ws.malformed'];
    const rows = tshark(path, [...columns, ...values]);
    const first = parseIpv4('223.255.255.0');
    const expected = Array.from({ length: count }, (_, i) => {
      const number = (isIpv4 ? 2 ** 32 - 1000 : 0) + i;
      return [
        ...(isIpv4
          ? ['1', formatIpv4(parseIpv4('10.0.0.1') + (i % 1022)), formatIpv4(first + (i % 356)), '1']
          : ['', '', '', '1']),
        String(60_000 + (i % 791) * 7),
        String(50_000 + (i % 1000)),
        `69787921${number.toString(16).padStart(16, '0')}`,
        '',
      ];
    });
    expect(rows.map((row) => [...row.slice(0, 6), row[6].slice(0, 24), row[7]])).toEqual(expected);
  });
});
