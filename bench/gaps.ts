/**
 * How long a polling worker leaves its queues alone, while it forwards between emulated NICs at a steady rate; alone in the
 * process, and beside a thread that makes garbage as fast as it can. Threads of one process share no heap, but they share CPUs,
 * and the memory's bandwidth.
 */
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type NetDevice, open, runWorkers, type WatchFigures, type WorkerGroup } from 'ixy.ts';
import { loadSystemCalls } from './addon.ts';

const SOURCE = 'emulated:ixgbe?wire=generator&check=0&pace=1Mpps';
const SINK = 'emulated:ixgbe?wire=null';
/** Until everything is compiled. */
const WARM_UP_MILLISECONDS = 3000;

export interface Gaps {
  readonly beside: 'nothing' | 'a thread that allocates';
  /** Million packets per second. */
  readonly mpps: number;
  readonly polls: number;
  /** Nanoseconds. */
  readonly gaps: WatchFigures['gaps'];
  readonly longest: WatchFigures['longest'];
  /** In the polling worker; there must be none. */
  readonly collections: number;
  readonly deoptimisations: number | undefined;
  /** Milliseconds in which the worker wanted a CPU and had none. */
  readonly offCpu: number;
}

/** `seconds` of each. */
export async function measureGaps(seconds: number): Promise<Gaps[]> {
  const { getAffinity, setAffinity } = loadSystemCalls();
  const cpus = getAffinity();
  const core = cpus[cpus.length - 1];
  // Threads begin where the thread that starts them may run: the worker's CPU is its own, but for what else the machine does.
  if (cpus.length > 1) setAffinity(cpus.slice(0, -1));
  const source = await open(SOURCE);
  const sink = await open(SINK);
  try {
    await Promise.all([source.waitForLink(), sink.waitForLink()]);
    setAffinity(cpus); // runWorkers allows what this thread may use
    const group = await startWorker([source, sink], core);
    try {
      await setTimeout(WARM_UP_MILLISECONDS);
      const alone = await measure(group, seconds, 'nothing');
      return [alone, await besideAllocation(cpus, () => measure(group, seconds, 'a thread that allocates'))];
    } finally {
      await group.stop();
    }
  } finally {
    source.close();
    sink.close();
    setAffinity(cpus);
  }
}

function startWorker(nics: readonly NetDevice[], core: number): Promise<WorkerGroup> {
  return runWorkers(nics, { cores: [core], watch: true }, new URL('./gaps-worker.js', import.meta.url));
}

async function besideAllocation<Result>(cpus: readonly number[], use: () => Promise<Result>): Promise<Result> {
  const { setAffinity } = loadSystemCalls();
  if (cpus.length > 1) setAffinity(cpus.slice(0, -1));
  const thread = new Worker(new URL('./gaps-allocating.js', import.meta.url), { execArgv: [] });
  try {
    return await use();
  } finally {
    await thread.terminate();
  }
}

async function measure(group: WorkerGroup, seconds: number, beside: Gaps['beside']): Promise<Gaps> {
  const [{ watch, ended }] = group.workers;
  if (!watch) throw new Error('the worker is not watched');
  await watch.interval();
  const end = await Promise.race([setTimeout(seconds * 1000), ended]);
  if (end) throw end.error ?? new Error('the worker has ended');
  const { packets, polls, gaps, longest, collections, deoptimisations, offCpu, ...figures } = await watch.interval();
  const mpps = packets / figures.seconds / 1e6;
  return { beside, mpps, polls, gaps, longest, collections: collections.count, deoptimisations, offCpu: offCpu / 1e6 };
}
