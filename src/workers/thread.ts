/** The program of a worker's thread: takes what it is given, runs the user's module, and gives everything back. */
import { parentPort, workerData } from 'node:worker_threads';
import { IxyError } from '../errors.ts';
import { SharedPool } from '../memory/shared-pool.ts';
import { nap } from '../nap.ts';
import { addon } from '../native/addon.ts';
import { borrowQueues } from '../ports/borrow-queues.ts';
import { settle } from '../settle.ts';
import type { WorkerContext, WorkerMain, WorkerPort } from './context.ts';
import { PollWatch } from './poll-watch.ts';
import { memberOf, RingEnds } from './rings.ts';
import { FINISHED, RUNNING, STOP, type ThreadOrders } from './thread-protocol.ts';

/** What has been given to the NICs may still leave; a link that is down takes nothing. */
const DRAIN_MILLISECONDS = 100;
const NAP_MILLISECONDS = 0.1;

async function run(orders: ThreadOrders): Promise<void> {
  const { index, core, data } = orders;
  if (core !== undefined) addon().setAffinity([core]);
  const main = await importMain(orders.module);
  const pool = SharedPool.attach(orders.pool);
  const borrowed = orders.queues.map((lent) => borrowQueues(lent, pool, die));
  const rings = new RingEnds(orders.rings, pool, memberOf(index));
  const watch = orders.watch && new PollWatch(orders.watch);
  const controller = new AbortController();
  parentPort?.on('message', () => controller.abort());
  const context: WorkerContext = {
    index,
    core,
    ports: borrowed,
    pool,
    data,
    watch,
    signal: controller.signal,
    get stopping() {
      return Atomics.load(orders.control, STOP) !== 0;
    },
    producer: (name) => rings.producer(name),
    consumer: (name) => rings.consumer(name),
  };
  parentPort?.postMessage(RUNNING);
  await main(context);
  await watch?.close();
  drain(borrowed);
  for (const queues of borrowed) queues.close();
  settle();
  Atomics.store(orders.control, FINISHED, 1);
  parentPort?.close();
}

async function importMain(module: string): Promise<WorkerMain> {
  const { default: main } = (await import(module)) as { readonly default?: unknown };
  if (typeof main === 'function') return main as WorkerMain;
  throw new IxyError('ERR_ARGUMENT', `${module} must have a function as its default export, found ${typeof main}`);
}

/** Ends the thread, but not from within the burst that found the device failed. */
function die(error: IxyError): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Waits, and blocks, until the queues have sent what they took. */
function drain(ports: readonly WorkerPort[]): void {
  const deadline = performance.now() + DRAIN_MILLISECONDS;
  const busy = (): boolean => ports.some(({ tx }) => tx.some((queue) => queue.pending() > 0));
  while (busy() && performance.now() < deadline) nap(NAP_MILLISECONDS);
}

await run(workerData as ThreadOrders);
