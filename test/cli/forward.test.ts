import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureFileReader } from '../../src/packets/index.ts';
import { temporaryDirectory } from '../support/process.ts';
import { generator, ixy, loopback } from './command.ts';

function frames(path: string): string[] {
  return Array.from(new CaptureFileReader(path), ({ bytes, offset, length }) =>
    Buffer.from(bytes.subarray(offset, offset + length)).toString('hex'),
  );
}

describe('ixy forward', () => {
  it('copies a capture file, recording what passes', async () => {
    const directory = temporaryDirectory();
    const [from, to, passed] = ['in.pcap', 'out.pcapng', 'passed.pcap'].map((name) => join(directory, name));
    await ixy('pktgen', `pcap:${from}`, '--count', '5000', '--size', '200', '--dst-port', '1-999');
    const { status, stdout, stderr } = await ixy('forward', `pcap:${from}`, `pcap:${to}`, '--pcap', passed);
    expect(status).toBe(0);
    // A misspelt input would be written, too: say so.
    expect(stderr).toBe(`ixy: pcap:${to}: there is no such file, so it is written\n`);
    expect(stdout).toContain('received 5,000, forwarded 5,000, dropped 0');
    expect(stdout).toContain(`recorded 5,000 packets in ${passed}, left out 0`);
    const expected = frames(from);
    expect(expected).toHaveLength(5000);
    expect(frames(to)).toEqual(expected);
    expect(frames(passed)).toEqual(expected);
  });

  it('carries generated packets between two NICs and back, none lost', async () => {
    const { status, lines } = await ixy('forward', generator('&count=100k'), loopback, '--json');
    expect(status).toBe(0);
    const { directions } = JSON.parse(lines[lines.length - 1]);
    const all = { received: 100_000, forwarded: 100_000, dropped: 0 };
    expect(directions).toEqual([expect.objectContaining(all), expect.objectContaining(all)]);
  });

  it('ends at the count, and after the time', async () => {
    const counted = await ixy('forward', generator(), loopback, '--count', '1000', '--json');
    const summary = JSON.parse(counted.lines[counted.lines.length - 1]);
    expect(summary.directions[0].received + summary.directions[1].received).toBe(1000);
    expect(await ixy('forward', generator(), loopback, '--duration', '10ms')).toMatchObject({ status: 0, stderr: '' });
  });
});
