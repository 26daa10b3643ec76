import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { available } from '../support/features.ts';
import { NOBODY, nobodyMayRead } from '../support/nobody.ts';
import { temporaryDirectory } from '../support/process.ts';
import { haveTap } from '../support/tap.ts';
import { DemoProcess, networkNames } from './demo-process.ts';

const TIMEOUT = 60_000;
const GENERATED = ['full-speed', 'overload', 'below-limit'];

function pathOf(program: string): string {
  return execFileSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
}

const canBeNobody = available('tests of the demo as another user', nobodyMayRead(resolve('dist/demo/main.js')));

interface Summary {
  readonly type: 'summary';
  readonly passed: boolean;
  readonly checks: readonly { stage: string; passed: boolean; text: string }[];
  readonly leftOut: readonly { part: string; reason: string }[];
}

async function run(parameters: string[], options = {}): Promise<{ demo: DemoProcess; summary: Summary }> {
  const demo = new DemoProcess(['--quick', '--json', ...parameters], options);
  expect(await demo.endOfOutput(), demo.output).toBe(0);
  return { demo, summary: demo.lines.at(-1) as unknown as Summary };
}

/** Names of the stages in their order, each once. */
function stages(demo: DemoProcess): (string | undefined)[] {
  return [...new Set(demo.lines.filter(({ type }) => type === 'begin').map(({ stage }) => stage))];
}

/** What the stage, in its last try, came to. */
function end(demo: DemoProcess, name: string): Record<string, unknown> {
  const line = demo.lines.findLast(({ type, stage }) => type === 'end' && stage === name);
  return { ...line };
}

function expectAllAccountedFor(demo: DemoProcess): void {
  for (const stage of GENERATED) {
    const { sent, arrived, dropped, wrong } = end(demo, stage) as unknown as Record<string, number>;
    expect(arrived, stage).toBeGreaterThan(0);
    expect(arrived + dropped, stage).toBe(sent);
    expect(wrong, stage).toBe(0);
    if (stage === 'overload') expect(dropped).toBeGreaterThan(0);
    else expect(dropped, stage).toBe(0);
  }
}

describe.runIf(haveTap)('the demo, with TAP interfaces', () => {
  it(
    'carries pings, a download and generated packets, and leaves nothing',
    async () => {
      const { demo, summary } = await run([]);
      expect(stages(demo)).toEqual(['namespaces', 'ping', 'download', ...GENERATED]);
      expect(summary).toMatchObject({ type: 'summary', passed: true, leftOut: [] });
      expect(end(demo, 'ping')).toMatchObject({ sent: 5, answered: 5 });
      expect(end(demo, 'download')).toMatchObject({ bytes: 8 * 2 ** 20 });
      expect(demo.lines.some(({ type }) => type === 'rates')).toBe(true);
      expectAllAccountedFor(demo);
      expect(networkNames().filter((name) => name.includes(`${demo.pid}`))).toEqual([]);
      expect(readdirSync(demo.directory)).toEqual([]);
    },
    TIMEOUT,
  );
});

describe('the demo, with less', () => {
  it.runIf(haveTap)(
    'sends UDP packets where there is no ping',
    async () => {
      const programs = temporaryDirectory();
      for (const name of ['ip', 'unshare']) symlinkSync(pathOf(name), join(programs, name));
      const demo = new DemoProcess(['--quick', '--json'], { env: { PATH: programs } });
      await demo.reached('download');
      expect(end(demo, 'ping')).toMatchObject({ sent: 5, answered: 5, notes: [expect.stringContaining('UDP')] });
      demo.child.kill('SIGTERM');
      expect(await demo.end()).toBe(143);
    },
    TIMEOUT,
  );

  it.runIf(canBeNobody)(
    'says that it takes root, and replays a capture instead',
    async () => {
      const { demo, summary } = await run([], { uid: NOBODY, gid: NOBODY });
      expect(stages(demo)).toEqual(['replay', ...GENERATED]);
      expect(end(demo, 'replay')).toMatchObject({ packets: 5000, recorded: 5000, same: 5000 });
      expectAllAccountedFor(demo);
      expect(summary).toMatchObject({
        passed: true,
        leftOut: [{ reason: expect.stringContaining('root') }],
      });
    },
    TIMEOUT,
  );

  it.runIf(haveTap)(
    'says that it takes iproute2, in words for people',
    async () => {
      const demo = new DemoProcess(['--quick'], { env: { PATH: '/nowhere', CI: 'true', FORCE_COLOR: '1' } });
      expect(await demo.endOfOutput(), demo.output).toBe(0);
      expect(demo.output).not.toContain('\x1b');
      expect(demo.output).toMatch(/^Left out: .*iproute2/m);
      expect(demo.output).toMatch(/5,000 of 5,000 packets the same/);
      expect(demo.output).toMatch(/^✓ \d+ of \d+ checks passed/m);
      expect(readdirSync(demo.directory)).toEqual([]);
    },
    TIMEOUT,
  );
});

describe('the demo', () => {
  it('explains its options, and refuses others with the near match', async () => {
    const help = new DemoProcess(['--help']);
    expect(await help.endOfOutput()).toBe(0);
    expect(help.output).toMatch(/--quick[\s\S]*--json/);
    const misspelt = new DemoProcess(['--jsn'], { stdio: ['ignore', 'pipe', 'ignore'] });
    expect(await misspelt.endOfOutput()).toBe(1);
    expect(misspelt.output).toBe('');
  });
});
