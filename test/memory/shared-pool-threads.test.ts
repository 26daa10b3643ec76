/** The same with real threads, which are terminated in the middle of traffic. */
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { PacketRing, RingConsumer, RingProducer } from '../../src/memory/packet-ring.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { available } from '../support/features.ts';
import { startWorker, workerEnd } from '../support/process.ts';

/** As many kills as there is time for: a loaded machine takes long to start a thread. */
const KILLS = 200;
const MILLISECONDS = 20_000;
const SEED = 6;
const MEMBERS = [1, 2] as const;

const library = new URL('../../dist/memory/index.js', import.meta.url);
const built = available(
  'threads that share packets',
  existsSync(library) ? undefined : 'dist/ is missing; run: npm run build',
);

/**
 * Passes packets to the other thread and takes its packets, for ever. Whoever has a packet marks it as its own, and looks
 * whether it still is before it gives it away: if two threads had one, they would notice. `report`: rounds, offences.
 */
const PROGRAM = `
  import(${JSON.stringify(library.href)}).then(({ PacketBatch, RingConsumer, RingProducer, SharedPool }) => {
    const { me, share, to, from, report } = workerData;
    const pool = SharedPool.attach(share);
    const producer = new RingProducer(to, pool);
    const consumer = new RingConsumer(from, pool);
    const batch = new PacketBatch(32);
    const mark = () => {
      for (let i = 0; i < batch.length; i++) pool.bytes[batch.offset(i)] = me;
    };
    const look = () => {
      for (let i = 0; i < batch.length; i++) if (pool.bytes[batch.offset(i)] !== me) Atomics.add(report, 1, 1);
    };
    for (let round = 0; ; round++) {
      batch.allocate(pool, 1 + (round & 31));
      mark();
      if ((round & 7) === 0 && batch.length > 1) pool.prepend(batch.packets[0], 4);
      if ((round & 15) === 0 && batch.length > 2) pool.chain(batch.packets[0], batch.packets[--batch.length]);
      mark();
      look();
      producer.transmit(batch);
      batch.free();
      consumer.receive(batch);
      mark();
      look();
      batch.free();
      Atomics.add(report, 0, 1);
    }
  });
`;

/** Numbers from 0 up to, not including, `limit`, the same each time (xorshift). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

describe.runIf(built)('threads that share packets', () => {
  it('may be terminated at any time, and no packet is lost', { timeout: 120_000 }, async () => {
    const shared = new SharedPool(allocatePlainMemory(PacketPool.memorySize(1500, 2 ** 21)), { members: 3 });
    const each = shared.capacity / 3;
    const rings = MEMBERS.map((me) => new PacketRing(shared, { capacity: 256, producer: me, consumer: 3 - me }));
    const reports = MEMBERS.map(() => new Int32Array(new SharedArrayBuffer(8)));
    const failures: unknown[] = [];
    const start = (me: number): Worker => {
      const [to, from] = [rings[me - 1].share(), rings[2 - me].share()];
      const worker = startWorker(PROGRAM, { me, share: shared.share(me), to, from, report: reports[me - 1] });
      worker.on('error', (error) => failures.push(error));
      return worker;
    };
    const workers = MEMBERS.map(start);
    const random = randomNumbers(SEED);
    const traffic = async (rounds: number): Promise<void> => {
      const goals = reports.map((report) => Atomics.load(report, 0) + 1 + rounds);
      while (failures.length === 0 && reports.some((report, i) => Atomics.load(report, 0) < goals[i]))
        await setTimeout(1);
    };
    const end = performance.now() + MILLISECONDS;
    for (let kill = 0; kill < KILLS && performance.now() < end; kill++) {
      await traffic(random(300));
      const victim = random(2);
      const ended = workerEnd(workers[victim]);
      void workers[victim].terminate();
      await ended;
      shared.recover(1 + victim);
      workers[victim] = start(1 + victim);
    }
    await traffic(0);
    await Promise.all(workers.map((worker) => worker.terminate()));
    for (const me of MEMBERS) shared.recover(me);

    // Everything goes home, by way of this thread.
    const batch = new PacketBatch(64);
    const producers = MEMBERS.map((me) => new RingProducer(rings[me - 1].share(), shared.view(me)));
    const consumers = MEMBERS.map((me) => new RingConsumer(rings[2 - me].share(), shared.view(me)));
    for (let round = 0; round < 20; round++) {
      for (const consumer of consumers) {
        consumer.receive(batch);
        batch.free();
      }
      for (const producer of producers) producer.pending();
    }
    const free = [0, ...MEMBERS].map((member) => shared.view(member).available);
    expect(free).toEqual([each, each, each]);
    expect([0, ...MEMBERS].map((member) => shared.held(member))).toEqual(free);
    const everyFree = [0, ...MEMBERS].flatMap((member) => [...shared.view(member).stack.subarray(0, each)]);
    expect(new Set(everyFree).size).toBe(shared.capacity);
    expect(failures).toEqual([]);
    expect(reports.map((report) => report[1])).toEqual([0, 0]);
    shared.close();
  });
});
