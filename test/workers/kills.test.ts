/**
 * Workers that are killed in the midst of traffic, by exception and from outside, again and again: the others go on, and all packets
 * are there in the end. IXY_KILLS says how often; the order of victims, moments and ways is always the same.
 */
import { expect, it } from 'vitest';
import type { WorkerGroup } from '../../src/workers/index.ts';
import { until } from '../support/flow-traffic.ts';
import { WorkerLab } from './lab.ts';

const KILLS = Number(process.env.IXY_KILLS ?? 25);
/** For a kill, the traffic before it, and the start of the next worker: many times what it takes. */
const MILLISECONDS_PER_KILL = 4000;
const START_MILLISECONDS = 30_000;

/** As test/workers/programs/echo.js obeys it. */
const DIE = 1;

interface Kill {
  readonly victim: number;
  readonly way: 'exception' | 'terminate';
  /** Frames that come back before it happens. */
  readonly patience: number;
}

function* seededKills(count: number): Generator<Kill> {
  let seed = 1;
  for (let kill = 0; kill < count; kill++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    yield {
      victim: (seed >>> 16) & 1,
      patience: (seed >>> 17) & 255,
      way: ((seed >>> 25) & 1) === 0 ? 'exception' : 'terminate',
    };
  }
}

/** Sends and receives until `look` says that it is enough. */
async function carry({ traffic }: WorkerLab, look: () => boolean, missing: string): Promise<void> {
  await until(() => {
    if (traffic.inFlight < 256) traffic.send();
    traffic.receive();
    return look();
  }, missing);
}

/** Kills the worker while traffic goes on, and says what it died of. */
async function execute(lab: WorkerLab, group: WorkerGroup, orders: Int32Array, kill: Kill): Promise<string> {
  const victim = group.workers[kill.victim];
  const survivor = group.workers[1 - kill.victim];
  const death = new Promise<string>((resolve) => {
    group.once('died', ({ worker, error }) => resolve(`worker ${worker}: ${error?.message}`));
  });
  if (kill.way === 'exception') Atomics.store(orders, kill.victim, DIE);
  else void victim.terminate();
  await carry(lab, () => victim.state === 'died', `worker ${kill.victim} does not die by ${kill.way}`);
  Atomics.store(orders, kill.victim, 0);
  expect(survivor.state).toBe('running');
  return await death;
}

it(
  `workers that die of exceptions, or are terminated, lose their packets to nobody: ${KILLS} times`,
  async () => {
    const lab = await WorkerLab.open(2);
    try {
      const { traffic, device } = lab;
      const orders = new Int32Array(new SharedArrayBuffer(8));
      const group = await lab.run(2, 'echo', { data: { orders } });
      const reasons = { exception: 'it was told to die', terminate: 'it was terminated' };
      const ways = new Set<string>();
      for (const kill of seededKills(KILLS)) {
        const enough = traffic.received + kill.patience;
        await carry(lab, () => traffic.received >= enough, 'no traffic goes on');
        const reason = await execute(lab, group, orders, kill);
        expect(reason).toBe(`worker ${kill.victim}: ${reasons[kill.way]}`);
        ways.add(`${kill.way} of ${kill.victim}`);
        await group.restart(kill.victim);
        traffic.receive();
        traffic.giveUp();
      }
      if (KILLS >= 25) expect(ways.size).toBe(4);
      expect(traffic.changed).toBe(0);
      await group.stop();
      expect(group.pool.available()).toBe(group.pool.capacity);
      const each = group.pool.capacity / group.pool.members;
      expect(group.workers.map(({ index }) => group.pool.held(index + 1))).toEqual([each, each]);
      expect(device.inspect().violations).toEqual([]);
    } finally {
      await lab.close();
    }
  },
  START_MILLISECONDS + KILLS * MILLISECONDS_PER_KILL,
);
