import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureFileReader, CaptureFileWriter, SequenceChecker } from '../../src/packets/index.ts';
import { temporaryDirectory } from '../support/process.ts';
import { haveTools, tshark } from '../support/tools.ts';
import { ixy, loopback } from './command.ts';

function check(path: string): SequenceChecker {
  const checker = new SequenceChecker();
  for (const { bytes, offset, length } of new CaptureFileReader(path)) checker.check(bytes, offset, length);
  return checker;
}

const hasTshark = haveTools('tshark');

describe('ixy pktgen', () => {
  it.runIf(hasTshark)('sends packets that tshark has nothing to say against', async () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    const ranges = ['--src-ip', '10.0.0.0/30', '--dst-ip', '10.1.0.1-10.1.0.3', '--dst-port', '5000-5001'];
    const { status } = await ixy(
      'pktgen',
      `pcap:${path}`,
      '--count',
      '60',
      '--size',
      '128',
      '--src-port',
      '9',
      ...ranges,
    );
    expect(status).toBe(0);
    const fields = ['ip.src', 'ip.dst', 'udp.srcport', 'udp.dstport', 'frame.len'];
    const checks = ['ip.checksum.status', 'udp.checksum.status', '_ws.expert'];
    const rows = tshark(path, [...fields, ...checks]);
    expect(rows).toHaveLength(60);
    rows.forEach((row, i) => {
      const [source, destination, port] = [`10.0.0.${i % 4}`, `10.1.0.${1 + (i % 3)}`, String(5000 + (i % 2))];
      expect(row).toEqual([source, destination, '9', port, '128', '1', '1', '']);
    });
  });

  it.runIf(hasTshark)('sends jumbo frames, in chains, through a NIC whose MTU fits them', async () => {
    const directory = temporaryDirectory();
    const [nothing, path] = [join(directory, 'in.pcap'), join(directory, 'out.pcap')];
    new CaptureFileWriter(nothing).close();
    const port = `emulated:ixgbe?wire=pcap:${nothing},${path}&thread=0`;
    const { status } = await ixy('pktgen', port, '--count', '200', '--size', '9000');
    expect(status).toBe(0);
    const rows = tshark(path, ['frame.len', 'ip.checksum.status', 'udp.checksum.status', '_ws.expert']);
    expect(rows).toEqual(Array(200).fill(['9000', '1', '1', '']));
    expect(check(path)).toMatchObject({ unique: 200, lost: 0, reordered: 0 });
  });

  it.runIf(hasTshark)('sends IPv6 as well', async () => {
    const path = join(temporaryDirectory(), 'out.pcapng');
    const { status } = await ixy(
      'pktgen',
      `pcap:${path}`,
      '-n',
      '3',
      '--src-ip',
      '2001:db8::/126',
      '--dst-ip',
      '2001:db8::9',
    );
    expect(status).toBe(0);
    expect(tshark(path, ['ipv6.src', 'ipv6.dst', 'udp.checksum.status', '_ws.expert'])).toEqual([
      ['2001:db8::', '2001:db8::9', '1', ''],
      ['2001:db8::1', '2001:db8::9', '1', ''],
      ['2001:db8::2', '2001:db8::9', '1', ''],
    ]);
  });

  it('numbers its packets without a gap', async () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    await ixy('pktgen', `pcap:${path}`, '--count', '20k', '--batch', '7');
    expect(check(path)).toMatchObject({ unique: 20_000, lost: 0, reordered: 0, corrupted: 0, foreign: 0 });
  });

  it('sends the count through a NIC, exactly', async () => {
    const { status, lines } = await ixy('pktgen', loopback, '--count', '10000', '--rate', '1M', '--json');
    expect(status).toBe(0);
    const summary = JSON.parse(lines[lines.length - 1]);
    expect(summary).toMatchObject({ type: 'summary', command: 'pktgen', generated: 10_000 });
    expect(summary.ports).toMatchObject([{ port: loopback, tx: { packets: 10_000, bytes: 600_000, dropped: 0 } }]);
  });

  it('keeps words out of a capture on standard output', async () => {
    const { status, stdout, stderr } = await ixy('pktgen', 'pcap:-', '--count', '3');
    expect(status).toBe(0);
    expect(stderr).toContain('sent 3 packets');
    expect(stdout).not.toContain('sent');
  });
});
