/** Commands on several cores, and with several queues. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { CaptureFileReader } from '../../src/packets/index.ts';
import { endlessFlows } from '../support/flow-file.ts';
import { temporaryDirectory } from '../support/process.ts';
import { type Ended, ixy, Running } from './command.ts';

const usable = addon().getAffinity();
/** Two CPUs, as `--cores` takes them; machines with one alone take that. */
const cores = usable.slice(0, 2).join(',');
const loops = cores.split(',').length;

interface QueueRow {
  readonly queue: number;
  readonly rx: { readonly packets: number };
  readonly tx: { readonly packets: number };
}

function summaryOf({ lines }: Ended) {
  return JSON.parse(lines[lines.length - 1]);
}

const packetsOf = (rows: readonly QueueRow[] = [], way: 'rx' | 'tx'): number =>
  rows.reduce((sum, row) => sum + row[way].packets, 0);

describe('on several cores', () => {
  it('pktgen sends the count exactly, from all of them', async () => {
    const ended = await ixy('pktgen', 'emulated:ixgbe?strict=1', '--cores', cores, '-n', '100001', '--json');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const { generated, ports } = summaryOf(ended);
    expect([generated, ports[0].tx.packets]).toEqual([100_001, 100_001]);
    if (loops === 1) return;
    expect(ports[0].queues.map(({ queue }: QueueRow) => queue)).toEqual([0, 1]);
    expect(packetsOf(ports[0].queues, 'tx')).toBe(100_001);
  });

  it('forward receives the count exactly, by all queues, and loses nothing uncounted', async () => {
    const args = ['--cores', cores, '--queues', '2', '-n', '20001', '--json'];
    const ended = await ixy('forward', await endlessFlows(), 'emulated:ixgbe', ...args);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const { directions, ports } = summaryOf(ended);
    expect(directions[0].received + directions[1].received).toBe(20_001);
    expect(directions[0].forwarded + directions[0].dropped).toBe(20_001);
    expect(ports[1].tx.packets).toBe(directions[0].forwarded);
    expect(ports[0].queues).toHaveLength(2 * loops);
    for (const row of ports[0].queues) expect(row.rx.packets, `queue ${row.queue}`).toBeGreaterThan(0);
    expect(packetsOf(ports[0].queues, 'rx')).toBe(20_001);
    expect(packetsOf(ports[1].queues, 'tx')).toBe(directions[0].forwarded);
  });

  it.each(['capture', 'forward'])(
    '%s writes a file by a thread of its own, and counts what that leaves out',
    async (command) => {
      const file = join(temporaryDirectory(), 'recorded.pcap');
      const ports =
        command === 'capture'
          ? [await endlessFlows(), '-w', file]
          : [await endlessFlows(), 'emulated:ixgbe', '--pcap', file];
      const ended = await ixy(command, ...ports, '--cores', cores, '-n', '5000', '--json');
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      const summary = summaryOf(ended);
      const { recorded, dropped } =
        command === 'capture' ? summary : { ...summary.recorded, recorded: summary.recorded.packets };
      expect(recorded + dropped).toBe(5000);
      const lengths = Array.from(new CaptureFileReader(file), ({ length }) => length);
      expect(lengths).toEqual(Array(recorded).fill(60));
    },
  );

  it('ends with the reason if the file cannot be written', async () => {
    const file = join(temporaryDirectory(), 'missing', 'recorded.pcap');
    const { status, errors } = await ixy('capture', 'emulated:ixgbe', '-w', file, '--cores', cores);
    expect([status, errors]).toEqual([1, [expect.stringMatching(/^ixy: cannot open \S+recorded\.pcap: ENOENT/)]]);
  });

  it('ends with a summary on Ctrl-C', async () => {
    const running = new Running(['forward', await endlessFlows(), 'emulated:ixgbe', '--cores', cores]);
    await running.printed();
    running.process.kill('SIGINT');
    const { status, stderr, lines } = await running.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(lines.at(-2)).toMatch(/received [\d,]+, forwarded [\d,]+, dropped [\d,]+$/);
  });

  it.each([
    [['pcap:none.pcap?mode=write', 'emulated:ixgbe'], /only the thread that opened it can use it: it is no NIC/],
    [
      ['emulated:ixgbe?thread=0', 'emulated:ixgbe'],
      /no other thread can reach this device; use one .* on a thread of its own/,
    ],
  ])('says of %s why not', async (ports, reason) => {
    const directory = temporaryDirectory();
    const [first, second] = ports.map((port) => port.replace('pcap:none', `pcap:${join(directory, 'none')}`));
    const { status, errors } = await ixy('forward', first, second, '--cores', String(usable[0]));
    expect(status).not.toBe(0);
    expect(errors.at(-1)).toMatch(reason);
  });

  it('reports loops that die, and fails in the end', async () => {
    const args = ['--cores', String(usable[0]), '--poll-mode', 'adaptive'];
    const { status, errors, lines } = await ixy('forward', 'emulated:ixgbe?messages=none', 'emulated:ixgbe', ...args);
    expect(status).toBe(1);
    expect(errors).toEqual([
      expect.stringMatching(/^ixy: worker 0 on core \d+ died, and the others go on: emulated:\S+ has no interrupts/),
      expect.stringMatching(/^ixy: 1 of 1 workers died: worker 0: emulated:\S+ has no interrupts/),
    ]);
    expect(lines.at(-1)).toMatch(/received 0, forwarded 0, dropped 0$/);
  });

  it('names the CPUs that it may use', async () => {
    const { status, errors } = await ixy('pktgen', 'emulated:ixgbe', '--cores', '4000');
    expect(status).toBe(2);
    expect(errors[0]).toMatch(/cores must be of those that this process may use: .* found 4000/);
  });
});

describe('--queues without --cores', () => {
  it('has the one loop serve them all', async () => {
    const ended = await ixy('forward', await endlessFlows(), 'emulated:ixgbe', '--queues', '3', '-n', '9999', '--json');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const { directions, ports } = summaryOf(ended);
    expect(directions[0].received + directions[1].received).toBe(9999);
    expect(ports[0].queues).toHaveLength(3);
    for (const row of ports[0].queues) expect(row.rx.packets, `queue ${row.queue}`).toBeGreaterThan(0);
    expect(packetsOf(ports[0].queues, 'rx')).toBe(9999);
  });
});
