import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureFileReader } from '../../src/packets/index.ts';
import { available } from '../support/features.ts';
import { NOBODY, nobodyMayRead } from '../support/nobody.ts';
import { temporaryDirectory } from '../support/process.ts';
import { haveTools, tshark } from '../support/tools.ts';
import { generator, ixy, main } from './command.ts';

/** Runs a shell pipeline with `$NODE` and `$IXY`; returns what its last command printed. */
function shell(pipeline: string): string {
  const env = { ...process.env, NODE: process.execPath, IXY: main, PORT: generator('&pace=20kpps') };
  return execFileSync('bash', ['-o', 'pipefail', '-c', pipeline], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const hasTcpdump = haveTools('tcpdump');

describe('ixy capture', () => {
  it.each(['pcap', 'pcapng'] as const)('writes %s', async (format) => {
    const path = join(temporaryDirectory(), 'out');
    const { status, stdout } = await ixy('capture', generator(), '-w', path, '--format', format, '--count', '500');
    expect(status).toBe(0);
    expect(stdout).toContain(`received 500 packets, recorded 500 in ${path}, left out 0`);
    const reader = new CaptureFileReader(path);
    expect([...reader]).toHaveLength(500);
    expect(reader.format).toBe(format);
  });

  it('cuts packets at the snap length', async () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    await ixy('capture', generator('&size=500'), '-w', path, '--snaplen', '96', '-n', '2');
    expect(Array.from(new CaptureFileReader(path), ({ length, originalLength }) => [length, originalLength])).toEqual([
      [96, 500],
      [96, 500],
    ]);
  });

  it.runIf(haveTools('tshark'))('writes time stamps in nanoseconds that never go back', async () => {
    const path = join(temporaryDirectory(), 'out.pcapng');
    await ixy('capture', generator('&pace=20kpps'), '-w', path, '-n', '300');
    const times = tshark(path, ['frame.time_epoch']).map(([time]) => Number(time));
    expect(times).toHaveLength(300);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(times).size).toBeGreaterThan(1);
  });

  it.runIf(hasTcpdump)('feeds tcpdump while it runs, and ends when tcpdump does', () => {
    const output = shell('"$NODE" "$IXY" capture "$PORT" -w - | tcpdump -n -r - -c 10');
    expect(output.split('\n').filter((line) => line.includes('198.18.0.1.42 > 198.18.0.2.1337: UDP'))).toHaveLength(10);
  });

  it.runIf(available('a pipe of another user', nobodyMayRead(main)))('feeds a pipe that it may not open anew', () => {
    const command = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "$NODE" "$IXY" capture "$PORT" -w - -n 100`;
    expect(Number(shell(`${command} | wc -c`))).toBe(24 + 100 * (16 + 60));
  });

  it.runIf(hasTcpdump)('says everything on standard error while packets take standard output', () => {
    const output = shell('"$NODE" "$IXY" capture "$PORT" -w - -n 100 --json | tcpdump -n -r - | wc -l');
    expect(Number(output)).toBe(100);
  });
});
