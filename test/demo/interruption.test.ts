import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { haveTap } from '../support/tap.ts';
import {
  DemoProcess,
  descendants,
  eventually,
  hugePages,
  networkNames,
  networkNamespace,
  type ProcessEntry,
  remainders,
} from './demo-process.ts';

const TIMEOUT = 60_000;

/** The demo's children and their namespaces, with a `ping` if it is at that stage; interfaces are named after its pid. */
async function holdings(demo: DemoProcess, stage: string): Promise<[ProcessEntry[], string[]]> {
  const below = () => descendants(demo.pid);
  if (stage === 'ping') await eventually('a ping runs', () => below().some(({ name }) => name === 'ping'));
  const entries = below();
  const namespaces = entries.flatMap(({ pid }) => networkNamespace(pid) ?? []);
  return [entries, namespaces.filter((namespace) => namespace !== networkNamespace(process.pid))];
}

async function expectNothingLeft(demo: DemoProcess, [entries, namespaces]: [ProcessEntry[], string[]]): Promise<void> {
  await eventually('all its processes end', () => remainders(entries, namespaces).length === 0);
  await eventually(
    'its interfaces vanish',
    () => networkNames().filter((name) => name.includes(`${demo.pid}`)).length === 0,
  );
  expect(readdirSync(demo.directory)).toEqual([]);
}

function start(): DemoProcess {
  return new DemoProcess(['--quick', '--json']);
}

describe.runIf(haveTap)('the demo, interrupted', () => {
  it.each([
    ['namespaces', 'SIGINT', 130],
    ['ping', 'SIGINT', 130],
    ['ping', 'SIGHUP', 129],
    ['download', 'SIGTERM', 143],
    ['full-speed', 'SIGINT', 130],
    ['ping', 'SIGKILL', 'SIGKILL'],
    ['download', 'SIGKILL', 'SIGKILL'],
  ] as const)(
    'at %s by %s leaves nothing',
    async (stage, signal, status) => {
      const demo = start();
      await demo.reached(stage);
      const held = await holdings(demo, stage);
      if (stage === 'ping' || stage === 'download') expect(new Set(held[1]).size).toBe(2);
      expect(hugePages(demo.pid)).toBe('0 kB');
      demo.child.kill(signal);
      expect(await demo.endOfOutput()).toBe(status);
      if (signal !== 'SIGKILL') {
        const told = [{ stage, passed: false, text: `interrupted by ${signal}` }];
        expect(demo.lines.at(-1)).toMatchObject({
          type: 'summary',
          passed: false,
          checks: expect.arrayContaining(told),
        });
      }
      await expectNothingLeft(demo, held);
    },
    TIMEOUT,
  );

  it(
    'by the end of its reader leaves nothing',
    async () => {
      const demo = start();
      await demo.reached('ping');
      const held = await holdings(demo, 'ping');
      demo.child.stdout?.destroy();
      expect(await demo.end()).toBe(1);
      await expectNothingLeft(demo, held);
    },
    TIMEOUT,
  );

  it(
    'by the loss of a station says so, fails, and leaves nothing',
    async () => {
      const demo = start();
      await demo.reached('ping');
      const held = await holdings(demo, 'ping');
      const [station] = held[0].filter(({ parent }) => parent === demo.pid);
      process.kill(station.pid, 'SIGKILL');
      expect(await demo.endOfOutput()).toBe(1);
      const told = { stage: 'ping', passed: false, text: expect.stringMatching(/^the left station ended by SIGKILL/) };
      expect(demo.lines.at(-1)).toMatchObject({ passed: false, checks: [told] });
      await expectNothingLeft(demo, held);
    },
    TIMEOUT,
  );
});
