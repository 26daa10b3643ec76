import { expect, it, onTestFinished } from 'vitest';
import { FORWARDED, LoopTotals, RECEIVED } from '../../src/apps/index.ts';
import { WorkerLoops } from '../../src/apps/worker-loops.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { addon } from '../../src/native/addon.ts';
import { open } from '../../src/ports/index.ts';
import type { WorkerEnd } from '../../src/workers/index.ts';
import { endlessFlows } from '../support/flow-file.ts';

const QUEUES = { rxQueues: 2, txQueues: 2, promiscuous: true };

async function openAll(...uris: string[]): Promise<NetDevice[]> {
  const ports: NetDevice[] = [];
  onTestFinished(() => {
    for (const port of ports) port.close();
  });
  for (const uri of uris) ports.push(await open(uri, QUEUES));
  await Promise.all(ports.map((port) => port.waitForLink()));
  return ports;
}

it('a loop that dies is told of, and the others receive what is left of the count', async () => {
  const ports = await openAll(await endlessFlows(), 'emulated:ixgbe');
  const usable = addon().getAffinity();
  const totals = new LoopTotals(2, 2, 1);
  const deaths: WorkerEnd[] = [];
  const loops = await WorkerLoops.start(ports, {
    cores: [usable[0], usable[usable.length - 1]],
    program: new URL('programs/mortal.js', import.meta.url),
    job: {},
    totals,
    count: 20_000,
    counted: RECEIVED,
    onDeath: (end) => deaths.push(end),
  });
  const ends = await loops.run(AbortSignal.timeout(20_000));
  expect(ends.map(({ state }) => state)).toEqual(['died', 'ended']);
  expect(deaths).toEqual([expect.objectContaining({ worker: 0, error: new Error('it has seen enough') })]);
  expect(totals.total(0, RECEIVED) + totals.total(1, RECEIVED)).toBe(20_000);
  const [dead, alive] = totals.byQueue(0, RECEIVED);
  expect(dead).toBeGreaterThanOrEqual(100);
  expect(alive).toBeGreaterThan(dead);
  expect(ports[1].statistics().txPackets).toBeLessThanOrEqual(totals.total(0, FORWARDED));
  expect(ports.map((port) => port.lend?.({ rx: [0, 1], tx: [0, 1], memory: port.rx[0].pool.memory }))).toHaveLength(2);
});
