/** The examples, as people run them: compiled, each in a process of its own. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { addon } from '../src/native/addon.ts';
import { CaptureFileReader, checksumsValid, PacketStack, SequenceChecker } from '../src/packets/index.ts';
import { writeFlows } from './support/flow-file.ts';
import { temporaryDirectory } from './support/process.ts';

/** An example that waits for what never comes must not outlive its test. */
const LONGEST_MILLISECONDS = 25_000;

/** The NIC is run by the example's own loop: what it does does not hang on another thread getting time. */
const nic = (wire: string) => `emulated:ixgbe?wire=${wire}&thread=0`;

function compiled(name: string): string {
  const path = resolve(`build-js/examples/${name}.js`);
  if (!existsSync(path)) throw new Error(`${path} is missing; run: npm run build:tools`);
  return path;
}

/** Lines that the example printed; rejects if it fails or says anything on standard error. */
async function example(name: string, ...args: string[]): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [compiled(name), ...args], {
    timeout: LONGEST_MILLISECONDS,
  });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

describe('examples', () => {
  it('generate sends numbered packets with valid checksums, each once and in order', async () => {
    const file = join(temporaryDirectory(), 'sent.pcap');
    const lines = await example('generate', nic(`pcap:,${file}`), '3000');
    expect(lines).toEqual([expect.stringContaining('sent 3000 packets, 180000 bytes in ')]);

    const stack = new PacketStack();
    const checker = new SequenceChecker();
    for (const { bytes, offset, length } of new CaptureFileReader(file)) {
      expect(checksumsValid(bytes, stack.parse(bytes, offset, length))).toBe(true);
      checker.check(bytes, offset, length);
    }
    const { unique, lost, duplicated, reordered, corrupted } = checker;
    expect({ unique, lost, duplicated, reordered, corrupted }).toEqual({
      unique: 3000,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      corrupted: 0,
    });
  });

  it('forward moves packets both ways, and changes what it says it changes', async () => {
    const file = join(temporaryDirectory(), 'forwarded.pcap');
    const lines = await example('forward', nic('generator'), nic(`pcap:,${file}`), '2048');
    expect(lines).toEqual([
      expect.stringMatching(/^emulated:ixgbe\?wire=generator&thread=0: received 2\d{3}, sent 0, dropped 0$/),
      expect.stringMatching(/: received 0, sent 2048, dropped 0$/),
    ]);
    const sources = Array.from(new CaptureFileReader(file), ({ bytes, offset }) => bytes[offset + 11]);
    expect(sources).toEqual(Array(2048).fill(0xff)); // the generator's is 02:00:00:00:00:fe
  });

  it('forward runs without arguments', async () => {
    const lines = await example('forward');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^emulated:ixgbe\?wire=\w+: received [1-9]\d+, sent [1-9]\d+, /);
  });

  it('capture writes what arrived to a file, and says what it was', async () => {
    const file = join(temporaryDirectory(), 'captured.pcapng');
    const lines = await example('capture', nic('generator&size=100'), file, '5');
    expect(lines).toEqual([
      `5 packets in ${file}`,
      ...Array(5).fill('198.18.0.1:42 → 198.18.0.2:1337, 58 bytes of UDP'),
    ]);
    expect(Array.from(new CaptureFileReader(file), ({ length }) => length)).toEqual(Array(5).fill(100));
  });

  it('pipeline keeps the order of each flow, and has one worker work on it', async () => {
    const [input, output] = ['in', 'out'].map((name) => join(temporaryDirectory(), `${name}.pcap`));
    await writeFlows(input, 20_000);
    const cpus = Array(3).fill(addon().getAffinity()[0]).join();
    const ports = [`emulated:ixgbe?flow=1&pace=20kpps&wire=pcap:${input}`, `emulated:ixgbe?wire=pcap:,${output}`];
    expect(await example('pipeline', ...ports, '10000', cpus)).toEqual(['sent 10000 packets']);
    const last = new Map<number, number>();
    const workers = new Map<number, number>();
    let packets = 0;
    for (const { bytes, offset } of new CaptureFileReader(output)) {
      const frame = Buffer.from(bytes.buffer, bytes.byteOffset + offset, 60);
      const [flow, number, worker] = [frame.readUInt16BE(34), frame.readUInt32BE(50), frame[11]];
      expect(number).toBeGreaterThan(last.get(flow) ?? -1);
      expect(worker).toBe(workers.get(flow) ?? worker);
      last.set(flow, number);
      workers.set(flow, worker);
      packets++;
    }
    expect(packets).toBeGreaterThanOrEqual(10_000);
    expect(new Set(workers.values())).toEqual(new Set([1, 2]));
  });

  it('are all tested here, and short', () => {
    expect(readdirSync('examples').sort()).toEqual([
      'capture.ts',
      'forward.ts',
      'generate.ts',
      'pipeline-worker.ts',
      'pipeline.ts',
    ]);
    for (const name of readdirSync('examples')) {
      expect(readFileSync(`examples/${name}`, 'utf8').split('\n').length, name).toBeLessThanOrEqual(41);
    }
  });
});
