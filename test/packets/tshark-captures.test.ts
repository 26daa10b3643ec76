/** Captures written here as tshark and tcpdump read them, and theirs as they are read here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { CaptureFileReader, CaptureWriter, PacketTemplate } from '../../src/packets/index.ts';
import { haveTools, runTool, tshark } from '../support/tools.ts';
import { type Packet, packet, readFile, writeFile } from './capture-support.ts';
import { ethernet, hex, ipv4, ipv6, ports } from './support.ts';

const available = haveTools('tshark', 'tcpdump', 'editcap', 'mergecap');
const directory = mkdtempSync(join(tmpdir(), 'ixy-judges-'));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, packets: readonly Packet[]): string {
  return writeFile(join(directory, name), packets);
}

const frame = new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'hello' }).bytes;
const jumbo = new PacketTemplate({ size: 9018, ethernet, ipv4, udp: ports }).bytes;
const six = new PacketTemplate({ size: 91, ethernet, ipv6, tcp: ports }).bytes;
const packets: Packet[] = [
  packet(frame, 1_700_000_000, 0),
  packet(six, 1_700_000_000, 1),
  packet(jumbo, 1_700_000_001, 999_999_999),
  { ...packet(jumbo.subarray(0, 77), 2_147_483_647, 100_000_000), originalLength: 9018 },
  packet(frame, 1, 123_456_789),
];

/** Bytes of every packet, as tcpdump prints them. */
function tcpdumpBytes(path: string): string[] {
  const output = runTool('tcpdump', '-n', '-t', '-xx', '-r', path);
  return output.split(/^(?=\S)/m).map((text) =>
    text
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^\s+0x[0-9a-f]+:/, ''))
      .join('')
      .replace(/\s/g, ''),
  );
}

describe.skipIf(!available)('captures written here', () => {
  it.each(['written.pcap', 'written.pcapng'])(
    '%s: read by tcpdump and tshark byte for byte, to the nanosecond',
    (name) => {
      const path = write(name, packets);
      expect(tcpdumpBytes(path)).toEqual(packets.map(({ data }) => hex(data)));
      expect(tshark(path, ['frame.time_epoch', 'frame.cap_len', 'frame.len', '_ws.malformed'])).toEqual(
        packets.map(({ data, originalLength, seconds, nanoseconds }) => [
          `${seconds}.${String(nanoseconds).padStart(9, '0')}`,
          String(data.length),
          String(originalLength),
          '',
        ]),
      );
      const times = runTool('tcpdump', '-n', '-tt', '--nano', '-r', path).split('\n').slice(0, -1);
      expect(times.map((line) => line.split(' ')[0])).toEqual(
        packets.map(({ seconds, nanoseconds }) => `${seconds}.${String(nanoseconds).padStart(9, '0')}`),
      );
    },
  );

  it.each(['pcap', 'pcapng'] as const)('can be followed through a pipe while they are written: %s', async (format) => {
    const tcpdump = spawn('tcpdump', ['-n', '-l', '-t', '-r', '-'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const lines = createInterface(tcpdump.stdout)[Symbol.asyncIterator]();
    const writer = new CaptureWriter((bytes, length) => tcpdump.stdin.write(bytes.slice(0, length)), { format });
    writer.flush();
    for (let i = 1; i <= 3; i++) {
      const { bytes } = new PacketTemplate({ ethernet, ipv4, udp: { sourcePort: i, destinationPort: 9999 } });
      writer.write(bytes, 0, bytes.length, i, 0);
      writer.flush();
      // The line must come while the pipe is open and nothing more has been written.
      expect((await lines.next()).value).toContain(`10.0.0.1.${i} > 10.0.0.2.9999: UDP`);
    }
    tcpdump.stdin.end();
    expect(await once(tcpdump, 'exit')).toEqual([0, null]);
  });
});

describe.skipIf(!available)('captures written by others', () => {
  const micros = packets.map((one) => ({ ...one, nanoseconds: one.nanoseconds - (one.nanoseconds % 1000) }));

  it.each([
    ['nsecpcap', packets],
    ['pcapng', packets],
    ['pcap', micros],
    ['modpcap', micros],
  ])('editcap -F %s', (format, expected) => {
    const path = join(directory, `editcap.${format}`);
    runTool('editcap', '-F', format, write('source.pcapng', packets), path);
    expect(readFile(path)).toEqual(expected);
  });

  it('tcpdump, in both resolutions', () => {
    const source = write('source.pcap', packets);
    for (const [precision, expected] of [
      ['nano', packets],
      ['micro', micros],
    ] as const) {
      const path = join(directory, `tcpdump.${precision}`);
      runTool('tcpdump', '-n', `--time-stamp-precision=${precision}`, '-r', source, '-w', path);
      expect(readFile(path)).toEqual(expected);
    }
  });

  it('mergecap, with an interface for each file', () => {
    const path = join(directory, 'merged.pcapng');
    const inputs = [write('one.pcapng', packets.slice(0, 2)), write('two.pcap', packets.slice(2, 4))];
    runTool('mergecap', '-I', 'none', '-F', 'pcapng', '-w', path, ...inputs);
    const reader = new CaptureFileReader(path);
    const interfaces = Array.from(reader, (record) => record.interfaceIndex);
    expect(interfaces).toEqual([0, 0, 1, 1]);
    expect(readFile(path)).toEqual(packets.slice(0, 4));
  });

  it('editcap with comments, decryption secrets, a snap length and cut bytes', () => {
    const path = join(directory, 'edited.pcapng');
    runTool(
      'editcap',
      '-a',
      '1:a comment',
      '--capture-comment',
      'all of it',
      '-s',
      '50',
      write('s.pcapng', packets),
      path,
    );
    const expected = packets.map((one) => ({ ...one, data: one.data.subarray(0, 50) }));
    expect(readFile(path)).toEqual(expected);
  });

  it('editcap -T rawip: the packets come back with an Ethernet header', () => {
    const path = join(directory, 'raw.pcap');
    runTool('editcap', '-F', 'nsecpcap', '-C', '14', '-T', 'rawip', write('s.pcap', packets.slice(0, 2)), path);
    const withHeader = packets.slice(0, 2).map(({ data, ...rest }) => {
      const header = `020000000002020000000001${hex(data.subarray(12, 14))}`;
      const bytes = Uint8Array.of(...Buffer.from(header, 'hex'), ...data.subarray(14));
      return { data: bytes, ...rest };
    });
    const found = readFile(path);
    expect(found.map(({ data }) => hex(data))).toEqual(withHeader.map(({ data }) => hex(data)));
    expect(found.map(({ seconds, nanoseconds }) => [seconds, nanoseconds])).toEqual(
      withHeader.map(({ seconds, nanoseconds }) => [seconds, nanoseconds]),
    );
  });

  it('editcap -T linux-sll: refused with advice', () => {
    const path = join(directory, 'cooked.pcap');
    runTool('editcap', '-F', 'pcap', '-T', 'linux-sll', write('s.pcap', packets.slice(0, 1)), path);
    expect(() => readFile(path)).toThrow(/Linux cooked .* capture on one interface/);
  });
});
