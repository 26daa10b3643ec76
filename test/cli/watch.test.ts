/** `--watch`: what people, and programs, are told of the loops. */
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { watchLines, watchTable } from '../../src/cli/watch-view.ts';
import { addon } from '../../src/native/addon.ts';
import type { WatchFigures } from '../../src/workers/index.ts';
import { generator, ixy, loopback } from './command.ts';

const LOOP: WatchFigures = {
  name: 'worker 0, CPU 3',
  seconds: 2,
  polls: 5_000_000,
  emptyPolls: 4_000_000,
  packets: 12_000_000,
  packetsPerPoll: { p50: 12, p99: 60, max: 64 },
  gaps: { p50: 150, p99: 1210, p999: 2500, p9999: 104_000, max: 1_234_567 },
  longest: { nanoseconds: 1_234_567, at: 1e15, cause: 'collection' },
  rests: { count: 3, nanoseconds: 150_000 },
  collections: { count: 2, nanoseconds: 1_300_000 },
  offCpu: 0,
  deoptimisations: 1,
};
/** One that was never scheduled, in a Node that does not tell. */
const IDLE: WatchFigures = { ...LOOP, polls: 0, longest: undefined, deoptimisations: undefined };

describe('figures of a loop', () => {
  it('are a line', () => {
    expect(watchLines([LOOP, IDLE])).toEqual([
      'worker 0, CPU 3: 2,500,000 polls/s, 12 ≤ 64 packets each; gaps 0.1 1.2 2.5 104 µs (p50 p99 p99.9 p99.99), ' +
        'longest 1,235 collection; 2 collections 1,300 µs, 1 deoptimisations',
      expect.stringMatching(/: 0 polls\/s, .* longest –; .* \? deoptimisations$/),
    ]);
  });

  it('are a row of a table', () => {
    const [, head, , row] = watchTable([LOOP], pc.createColors(false)).split('\n');
    const cells = (line: string) =>
      line
        .split('│')
        .slice(1, -1)
        .map((cell) => cell.trim());
    expect(cells(head)[7]).toBe('longest, and why');
    expect(cells(row)).toEqual([
      'worker 0, CPU 3',
      '2,500,000',
      '12 ≤ 64',
      '0.1',
      '1.2',
      '2.5',
      '104',
      '1,235 collection',
      '2',
      '1',
    ]);
  });
});

describe('--watch', () => {
  const [core] = addon().getAffinity();
  const threaded = ['emulated:ixgbe?wire=generator', 'emulated:ixgbe?wire=null', '--count', '1000'];

  it.each([
    ['forward', 'main thread', ['forward', generator('&count=1000'), loopback]],
    ['forward --cores', `worker 0, CPU ${core}`, ['forward', ...threaded, '--cores', `${core}`]],
    ['pktgen', 'main thread', ['pktgen', 'emulated:ixgbe', '--count', '1000']],
    ['capture', 'main thread', ['capture', generator('&count=1000'), '-w', '/dev/null']],
  ])('tells of the loops of %s', async (_, name, args) => {
    const { status, lines, stderr } = await ixy(...args, '--watch', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { loops } = JSON.parse(lines[lines.length - 1]);
    expect(loops).toHaveLength(1);
    const [loop] = loops;
    expect(loop).toMatchObject({ name, gaps: { p50: expect.any(Number), p9999: expect.any(Number) } });
    expect(loop.polls).toBeGreaterThan(0);
    expect(loop.packets).toBeGreaterThanOrEqual(1000);
    expect(loop.deoptimisations).toBeGreaterThanOrEqual(0);
  });

  it('says nothing of them without it', async () => {
    const { lines } = await ixy('forward', generator('&count=1000'), loopback, '--json');
    expect(JSON.parse(lines[lines.length - 1])).not.toHaveProperty('loops');
  });
});
