/** Workers, each with its queues of a NIC: what they carry, how they end, and what is left of those that die. */
import { afterEach, describe, expect, it } from 'vitest';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { addon } from '../../src/native/addon.ts';
import { runWorkers, type WorkerEnd, type WorkerGroup } from '../../src/workers/index.ts';
import { BURST, until } from '../support/flow-traffic.ts';
import { WorkerLab } from './lab.ts';

let opened: WorkerLab | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

async function openLab(queues = 2): Promise<WorkerLab> {
  opened = await WorkerLab.open(queues);
  return opened;
}

/** The first worker's mark in what it sends back, and the orders that its program obeys. */
const MARK = 0xb0;
const DIE = 1;
const EXIT = 2;
const RETURN = 3;
const EXIT_WELL = 4;

function nextDeath(group: WorkerGroup): Promise<WorkerEnd> {
  return new Promise((resolve) => group.once('died', resolve));
}

/** All packets are free, and the NIC was driven by its rules. */
async function expectWhole({ device }: WorkerLab, group: WorkerGroup): Promise<void> {
  await group.stop();
  expect(group.pool.available()).toBe(group.pool.capacity);
  expect(device.inspect().violations).toEqual([]);
}

describe('workers', () => {
  it('share the flows of a NIC, lose nothing and keep the order of each flow', async () => {
    const lab = await openLab();
    const { nic, traffic } = lab;
    const group = await lab.run(2, 'echo');
    await traffic.run(400);
    expect(traffic.disorder + traffic.lost).toBe(0);
    const owners = traffic.marks.map((marks) => [...marks]);
    expect(owners.every((marks) => marks.length === 1)).toBe(true);
    expect(new Set(owners.flat())).toEqual(new Set([MARK, MARK + 1]));
    expect(nic.statistics()).toMatchObject({ rxPackets: 6400, txPackets: 6400, rxDropped: 0 });
    const ends = await group.stop();
    expect(ends.map(({ worker, state }) => [worker, state])).toEqual([
      [0, 'ended'],
      [1, 'ended'],
    ]);
    await expectWhole(lab, group);
  });

  it('may have several queues each', async () => {
    const lab = await openLab(4);
    const group = await lab.run(2, 'echo', { queuesPerWorker: 2 });
    await lab.traffic.run(100);
    expect(lab.traffic.disorder + lab.traffic.lost).toBe(0);
    const counters = lab.nic.counters();
    for (const queue of [0, 1, 2, 3]) expect(counters[`QPRC[${queue}]`], `queue ${queue}`).toBeGreaterThan(0);
    await expectWhole(lab, group);
  });

  it('run on their CPUs', async () => {
    const lab = await openLab();
    const group = await lab.run(2, 'affinity', { rings: { out: { producers: [0, 1], consumer: 'main' } } });
    await group.ended;
    expect(group.workers.map(({ core }) => core)).toEqual(group.workers.map(({ index }) => cpuOf(index)));
  });

  it('can be followed by others', async () => {
    const lab = await openLab();
    for (let round = 0; round < 3; round++) {
      const group = await lab.run(2, 'echo');
      await lab.traffic.run(20);
      await expectWhole(lab, group);
    }
    expect(lab.traffic.disorder + lab.traffic.lost).toBe(0);
  });

  it('end when the signal is aborted, and one that ends by itself gives its queues back', async () => {
    const lab = await openLab();
    const controller = new AbortController();
    const group = await lab.run(2, 'echo', { signal: controller.signal });
    lab.traffic.send(RETURN, 1);
    await until(() => group.workers.some(({ state }) => state === 'ended'), 'no worker ends');
    controller.abort();
    const ends = await group.ended;
    expect(ends.map(({ state }) => state)).toEqual(['ended', 'ended']);
    await expectWhole(lab, group);
  });
});

describe('workers that are not wanted any more before they run', () => {
  it('end, and whoever started them is told why', async () => {
    const lab = await openLab();
    const reason = new Error('no need');
    await expect(lab.run(2, 'echo', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const started = lab.run(2, 'echo', { signal: controller.signal });
    controller.abort(reason);
    await expect(started).rejects.toBe(reason);
    await expectWhole(lab, await lab.run(2, 'echo'));
  });
});

describe('a worker that dies', () => {
  for (const [how, order, reason] of [
    ['of an exception', DIE, 'it was told to die'],
    ['by leaving the process', EXIT, 'its thread ended with status 3'],
    ['by leaving the process as if all were well', EXIT_WELL, 'its thread ended with status 0'],
  ] as const) {
    it(`${how} says why, harms nobody, and can be started again`, async () => {
      const lab = await openLab();
      const { traffic } = lab;
      const group = await lab.run(2, 'echo');
      await traffic.run(20);
      const death = nextDeath(group);
      traffic.send(order, 1);
      const { worker, state, error } = await death;
      expect([state, error?.message]).toEqual(['died', reason]);
      traffic.giveUp();
      const [survivor] = group.workers.filter(({ state }) => state === 'running');
      expect(group.workers.map((each) => each.state).sort()).toEqual(['died', 'running']);
      // The other one's flows go on.
      const mine = traffic.marks.findIndex((marks) => marks.has(MARK + survivor.index));
      const before = traffic.echoed[mine];
      for (let i = 0; i < 8; i++) traffic.send();
      await until(() => {
        traffic.receive();
        return traffic.echoed[mine] === traffic.sent[mine];
      }, 'the other worker has stopped too');
      expect(traffic.echoed[mine]).toBeGreaterThan(before);
      traffic.giveUp();

      await group.restart(worker);
      // What waited in the NIC for the dead one's queue comes late, before this.
      await traffic.run(traffic.flows / BURST);
      const lost = traffic.lost;
      await traffic.run(20);
      expect(traffic.lost).toBe(lost);
      await expectWhole(lab, group);
    });
  }

  it('because it never looks up is terminated', async () => {
    const lab = await openLab();
    const group = await lab.run(1, 'deaf');
    const [end] = await group.stop();
    expect(end.state).toBe('died');
    expect(end.error?.message).toMatch(/did not end within 2000 ms of being asked to; look at context.stopping/);
    await expectWhole(lab, group);
  });
});

describe('a worker whose queues cannot be taken back', () => {
  it('has died, keeps its packets from others, and begins again once they can', async () => {
    const lab = await openLab(1);
    const stuck = lab.stickQueues();
    const group = await lab.run(1, 'echo');
    stuck.yes = true;
    const { state, error, recovered } = await group.workers[0].terminate();
    expect([state, error?.message, recovered]).toEqual(['died', 'the queue does not stop', 0]);
    expect(group.pool.available()).toBeLessThan(group.pool.capacity);
    await expect(group.restart(0)).rejects.toThrow('the queue does not stop');
    stuck.yes = false;
    await group.restart(0);
    await lab.traffic.run(10);
    await expectWhole(lab, group);
  });

  it('keeps the memory of the packets from being freed', async () => {
    const lab = await openLab(1);
    const stuck = lab.stickQueues();
    const group = await lab.run(1, 'echo');
    stuck.yes = true;
    await expect(group.stop()).rejects.toThrow('the queue does not stop');
    expect(group.pool.memory.buffer.byteLength).toBeGreaterThan(0);
    lab.forget(group);
  });
});

describe('a NIC that is closed', () => {
  it('ends its workers', async () => {
    const lab = await openLab();
    const group = await lab.run(2, 'echo');
    await lab.traffic.run(10);
    lab.nic.close();
    expect((await group.ended).map(({ state }) => state)).toEqual(['ended', 'ended']);
    await group.stop();
    expect(group.pool.available()).toBe(group.pool.capacity);
  });
});

describe('rings between workers', () => {
  it('pass packets from worker to worker, and to the thread that started them', async () => {
    const lab = await openLab(3);
    const rings = {
      work: { producers: [0, 1], consumer: 2 },
      done: { producers: [2], consumer: 'main' },
    } as const;
    const group = await lab.run(3, 'pipeline', { rings });
    const consumer = group.consumer('done');
    const batch = new PacketBatch(32);
    for (let i = 0; i < 16; i++) lab.traffic.send();
    let packets = 0;
    await until(() => {
      packets += consumer.receive(batch);
      batch.free();
      return packets >= 256;
    }, 'packets are missing');
    expect(() => group.producer('done')).toThrow("ring 'done' does not have this thread among its producers");
    expect(() => group.consumer('dnoe')).toThrow("did you mean 'done'?");
    await group.stop();
    expect(lab.device.inspect().violations).toEqual([]);
  });
});

describe('runWorkers', () => {
  const nowhere = new URL('programs/nowhere.js', import.meta.url);

  it('refuses CPUs that there are not, and NICs with too few queues', async () => {
    const { nic } = await openLab();
    await expect(runWorkers([nic], { cores: [4095] }, nowhere)).rejects.toThrow(/cores must be of those .* found 4095/);
    const cores = Array(3).fill(cpuOf(0));
    await expect(runWorkers([nic], { cores }, nowhere)).rejects.toThrow(
      /the workers need 3 queues each way, found 2 .* open it with \{ rxQueues: 3, txQueues: 3 \}/,
    );
  });
});

function cpuOf(index: number): number {
  const usable = addon().getAffinity();
  return usable[index % usable.length];
}
