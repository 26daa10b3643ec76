/** A forwarder between two NICs that ends in the midst of traffic, in every way there is, on a real kernel. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessPath } from '../harness/binding.ts';
import type { Flood } from '../harness/cable.ts';
import type { Command } from '../harness/command.ts';
import type { Guest } from '../harness/guest.ts';
import { nicAddress, nicMac } from '../harness/nics.ts';
import { type Pair, portProgram, runsAs } from '../harness/ports.ts';
import { checkSequence } from '../harness/recording.ts';
import { numberedPackets } from '../harness/traffic.ts';
import { QUICK } from '../pairs.ts';
import { busMasters, expectNothingLeft } from './quiet.ts';
import { suffix } from './traffic.ts';

const FRAMES = 2000;
const TIMEOUT = 110_000;

/** Runs the loop in a worker, and terminates that when told by SIGUSR2. */
const inWorker = (program: string): string => `
  import { Worker } from 'node:worker_threads';
  const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(program)})));
  process.on('SIGUSR2', async () => {
    await worker.terminate();
    console.log('terminated');
  });
  setInterval(() => {}, 1000);`;

/** `quick`: names of the ends, of those that every program can see coming, that a quick run looks at. */
export function testForwarderEnds(
  guest: () => Guest,
  path: AccessPath,
  pair: Pair,
  quick: readonly string[] = ['an uncaught exception'],
): void {
  const [a, b] = pair;
  const addresses = pair.map(nicAddress);
  const options = { ...runsAs(path), timeout: TIMEOUT };
  const ports = addresses.map((address) => `await openPort('${address}')`);
  const forwarder = portProgram(path, `process.on('SIGUSR2', () => end()); forward(${ports}); let end = () => {};`);
  const ending = (how: string): string => `${forwarder} end = () => { ${how} };`;
  const command = `exec node dist/cli/main.js forward ${addresses.map((address) => address + suffix(path)).join(' ')}`;

  const start = (program: string): Command =>
    program.startsWith('exec') ? guest().start(program, options) : guest().startScript(program, options);

  /** How a program ends, the signal that makes it, and its status then. */
  const ENDS: readonly (readonly [string, string, string, number])[] = [
    ['kill -INT of ixy forward', command, 'INT', 0],
    ['kill -INT', forwarder, 'INT', 128 + 2],
    ['kill -TERM', forwarder, 'TERM', 128 + 15],
    ['an uncaught exception', ending(`throw new Error('oops');`), 'USR2', 1],
    ['process.exit', ending('process.exit(5);'), 'USR2', 5],
  ];
  const ends = ENDS.filter(([name]) => !QUICK || quick.includes(name));

  /** Resolves once traffic passes, through whatever was started. */
  async function passes(running: Command): Promise<void> {
    const recording = await guest().cable(b).record({ from: 'guest', count: FRAMES, timeout: TIMEOUT });
    const file = await Promise.race([
      recording.ended(),
      running.ended.then((end) => Promise.reject(JSON.stringify(end))),
    ]);
    expect(checkSequence(file).unique).toBeGreaterThan(0);
    expect(await busMasters(guest(), pair)).toEqual([true, true]);
  }

  // Each begins with devices as the one before has left them: what opens at once after each end, and forwards.
  describe('a forwarder ended in the midst of traffic', () => {
    let flood: Flood | undefined;
    beforeAll(async () => {
      const packets = await numberedPackets(guest(), FRAMES, `--dst-mac ${nicMac(a)}`);
      flood = guest().cable(a).flood(packets);
    });
    afterAll(() => flood?.stop());

    it.each(ends)('by %s: DMA is off, nothing is left behind', async (_name, program, signal, status) => {
      const running = start(program);
      await passes(running);
      running.kill(signal);
      expect((await running.ended).status).toBe(status);
      expect(await busMasters(guest(), pair)).toEqual([false, false]);
      await expectNothingLeft(guest());
    });

    it('by the end of its worker: DMA is off, while the process lives on', async () => {
      const running = start(inWorker(forwarder));
      await passes(running);
      running.kill('USR2');
      await running.printed('terminated');
      expect(await busMasters(guest(), pair)).toEqual([false, false]);
      running.kill('KILL');
      await running.ended;
      await expectNothingLeft(guest(), { abrupt: true });
    });

    const outcome = path.survivesKill ? 'DMA is off' : 'DMA stays on, which nothing can prevent, until the next open';
    it(`by kill -9: ${outcome}`, async () => {
      const running = start(forwarder);
      await passes(running);
      running.kill('KILL');
      expect((await running.ended).status).toBe(128 + 9);
      expect(await busMasters(guest(), pair)).toEqual(Array(2).fill(!path.survivesKill));
      await expectNothingLeft(guest(), { abrupt: true });
    });

    it('and the devices work as if nothing had been', async () => {
      const running = start(command);
      await passes(running);
      running.kill('INT');
      expect((await running.ended).status).toBe(0);
      expect(await busMasters(guest(), pair)).toEqual([false, false]);
      await expectNothingLeft(guest(), { abrupt: true });
    });
  });
}
