import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { haveTools } from '../support/tools.ts';
import { generator, loopback, main, Running } from './command.ts';

const threaded = ['emulated:ixgbe?wire=generator', 'emulated:ixgbe?wire=loopback'];

/** Runs a command until it has printed its first rates, and then interrupts it. */
async function interrupted(args: readonly string[], signal: NodeJS.Signals = 'SIGINT') {
  const running = new Running(args);
  await running.printed();
  running.process.kill(signal);
  const since = performance.now();
  const ended = await running.ended;
  return { ...ended, milliseconds: performance.now() - since };
}

describe('live output', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends on %s with a summary, exit code 0', async (signal) => {
    const { status, lines, stderr } = await interrupted(['forward', generator(), loopback], signal);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(lines[0]).toMatch(
      /^ {3}1 s {2}emulated:ixgbe\S+ rx \d+\.\d{3} Mpps \d+\.\d{3} Gbit\/s \d+ packets \d+ drops/,
    );
    expect(lines.slice(-2).every((line) => /received [\d,]+, forwarded [\d,]+, dropped 0$/.test(line))).toBe(true);
  });

  it.each([
    ['pktgen', ['pktgen', 'emulated:ixgbe', '--rate', '1k']],
    ['forward', ['forward', ...threaded]],
    ['forward', ['forward', ...threaded, '--poll-mode', 'busy']],
    ['capture', ['capture', 'emulated:ixgbe?wire=generator', '-w', '/dev/null']],
  ])('gives one JSON object a second for %s, and ends within a second of Ctrl-C', async (command, args) => {
    const { status, lines, milliseconds } = await interrupted([...args, '--json']);
    expect(status).toBe(0);
    // The requirement is a second of the command's own; the machine may be busy with other tests.
    expect(milliseconds).toBeLessThan(5000);
    const objects = lines.map((line) => JSON.parse(line));
    expect(objects.map(({ type }) => type)).toEqual([...Array(lines.length - 1).fill('rates'), 'summary']);
    expect(objects[lines.length - 1]).toMatchObject({ command });
    const [{ ports }] = objects;
    const rates = {
      packets: expect.any(Number),
      packetsPerSecond: expect.any(Number),
      bitsPerSecond: expect.any(Number),
    };
    for (const port of ports) expect(port).toMatchObject({ port: expect.any(String), rx: rates, tx: rates });
  });

  it('has a row for each queue where there are several', async () => {
    const args = ['forward', ...threaded, '--queues', '2'];
    const { lines } = await interrupted(args);
    const queue = String.raw`rx \d+\.\d{3} Mpps \d+ packets, tx \d+\.\d{3} Mpps \d+ packets`;
    expect(lines[0]).toMatch(new RegExp(`drops, queue 0 ${queue}, queue 1 ${queue}  \\|  emulated:`));
    const { lines: objects } = await interrupted([...args, '--json']);
    const [first] = JSON.parse(objects[0]).ports;
    const rates = { packets: expect.any(Number), packetsPerSecond: expect.any(Number) };
    expect(first.queues).toEqual([0, 1].map((number) => ({ queue: number, rx: rates, tx: rates })));
    const total = first.queues[0].rx.packets + first.queues[1].rx.packets;
    expect(total).toBeGreaterThan(0);
    const alone = await interrupted(['forward', ...threaded, '--json']);
    expect(JSON.parse(alone.lines[0]).ports[0]).not.toHaveProperty('queues');
  });

  it('ends while it still waits for a link', async () => {
    const running = new Running(['forward', 'emulated:ixgbe?wire=cable:a', loopback, '--duration', '1']);
    setTimeout(() => running.process.kill('SIGINT'), 1000);
    expect(await running.ended).toMatchObject({ status: 0, stderr: '' });
  });

  it('keeps a forwarder between two NICs small', async () => {
    const running = new Running(['forward', ...threaded, '--json']);
    const resident = async (): Promise<number> => {
      await once(running.process.stdout, 'data'); // a second later
      const status = readFileSync(`/proc/${running.process.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
    };
    const sizes = [await resident(), await resident(), await resident()];
    running.process.kill('SIGINT');
    await running.ended;
    expect(Math.max(...sizes)).toBeLessThan(250);
    expect(sizes[2] - sizes[1]).toBeLessThan(10);
  });

  it.runIf(haveTools('script'))('is a table on a terminal, without colours if NO_COLOR says so', () => {
    const command = `stty cols 100 rows 40; "${process.execPath}" "${main}" forward '${generator()}' '${loopback}' -d 1.5 --queues 2`;
    const terminal = (environment: Record<string, string>) =>
      execFileSync('script', ['-qec', command, '/dev/null'], {
        encoding: 'utf8',
        env: { ...process.env, TERM: 'xterm', ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    const [bold, plain] = [terminal({ NO_COLOR: '' }), terminal({ NO_COLOR: '1' })];
    for (const output of [bold, plain]) {
      expect(output).toMatch(/│ emulated:\S+ +│ RX │/);
      expect(output).toMatch(/│ {3}queue 1 +│ RX │ +\d+\.\d{3} │ +│ +[\d,]+ │ +│/);
    }
    expect(bold).toContain('\u001b[1mPort');
    expect(plain).not.toContain('\u001b[1mPort');
  });
});
