/** What a second worker brings: the driver's loop of driver-cost.ts on two threads, each with a queue and packets of one pool. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { allocatePlainMemory, PacketPool, SharedPool } from 'ixy.ts';
import { loadSystemCalls } from './addon.ts';
import { DRIVERS, type DriverName } from './driver-cost.ts';
import type { ScalingOrder } from './scaling-worker.ts';
import { median } from './statistics.ts';

const WORKERS = 2;
const PACKETS = 4096;
const PAGE = 2 ** 21;

export interface Scaling {
  readonly driver: DriverName;
  readonly workers: number;
  /** Packets a second of both workers together, in millions, and of one while the other rests. */
  readonly mpps: number;
  readonly mppsAlone: number;
  /** The first by the second. */
  readonly speedup: number;
}

/** Medians of `rounds`, in which each worker runs alone, and then both at once. */
export async function measureScaling(batch: number, rounds: number): Promise<Scaling[]> {
  const cpus = loadSystemCalls().getAffinity().slice(0, WORKERS);
  if (cpus.length < WORKERS) throw new Error('two workers need two CPUs, found one');
  const results: Scaling[] = [];
  for (const driver of DRIVERS) results.push(await measureDriver(driver, cpus, batch, rounds));
  return results;
}

async function measureDriver(driver: DriverName, cpus: readonly number[], batch: number, rounds: number) {
  const memory = allocatePlainMemory(PacketPool.memorySize(PACKETS * (WORKERS + 1), PAGE));
  const pool = new SharedPool(memory, { members: WORKERS + 1, checked: false });
  const meeting = new Int32Array(new SharedArrayBuffer(8));
  const times = () => Array.from(cpus, () => new Float64Array(new SharedArrayBuffer(8 * rounds)));
  const [alone, together] = [times(), times()];
  const workers = cpus.map((cpu, index) => {
    const own = { alone: alone[index], together: together[index] };
    const order: ScalingOrder = { driver, batch, rounds, cpu, index, pool: pool.share(index + 1), meeting, ...own };
    return new Worker(new URL('./scaling-worker.js', import.meta.url), { workerData: order, execArgv: [] });
  });
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  pool.close();
  const rates = (nanoseconds: readonly Float64Array[]) => nanoseconds.map((each) => 1000 / median([...each]));
  const mpps = rates(together).reduce((sum, rate) => sum + rate, 0);
  const mppsAlone = rates(alone).reduce((sum, rate) => sum + rate, 0) / WORKERS;
  return { driver, workers: WORKERS, mpps, mppsAlone, speedup: mpps / mppsAlone };
}
