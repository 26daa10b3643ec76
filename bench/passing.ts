/** What a ring moves from one thread to another, and how long the processors take to pass one cache line to and fro. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { allocatePlainMemory, PacketPool, PacketRing, SharedPool } from 'ixy.ts';
import { loadSystemCalls } from './addon.ts';
import type { PassingOrder } from './passing-end.ts';
import { median } from './statistics.ts';

const PACKETS = 8192;
const CAPACITY = 1024;
const PAGE = 2 ** 21;
const BURSTS = [1, 8, 32, 256] as const;

export interface Passing {
  /** Where the two threads ran. */
  readonly cpus: readonly number[];
  /** One word, written by one thread, answered by the other, and seen by the first. */
  readonly roundTripNs: number;
  /** Taken from a pool, put in, taken out, given back to a pool. */
  readonly rings: readonly { readonly burst: number; readonly millionPerSecond: number }[];
}

/** Each figure is the median of `rounds`, in which `packets` pass. */
export async function measurePassing(packets: number, rounds: number): Promise<Passing> {
  const cpus = loadSystemCalls().getAffinity().slice(0, 2);
  if (cpus.length < 2) throw new Error('passing packets between threads needs two CPUs, found one');
  const rings: { burst: number; millionPerSecond: number }[] = [];
  let roundTripNs = 0;
  for (const burst of BURSTS) {
    const { roundTrips, passes } = await passPackets(cpus, burst, packets, rounds);
    rings.push({ burst, millionPerSecond: (packets / median([...passes])) * 1000 });
    roundTripNs = median([...roundTrips]);
  }
  return { cpus, roundTripNs, rings };
}

type Times = Pick<PassingOrder, 'roundTrips' | 'passes'>;

async function passPackets(cpus: readonly number[], burst: number, packets: number, rounds: number): Promise<Times> {
  const pool = new SharedPool(allocatePlainMemory(PacketPool.memorySize(PACKETS, PAGE)), {
    members: 3,
    checked: false,
  });
  const ring = new PacketRing(pool, { capacity: CAPACITY, producer: 1, consumer: 2 });
  const common = {
    ring: ring.share(),
    burst,
    packets,
    rounds,
    meeting: new Int32Array(new SharedArrayBuffer(4)),
    ball: new Int32Array(new SharedArrayBuffer(256)),
    roundTrips: new Float64Array(new SharedArrayBuffer(8 * rounds)),
    passes: new Float64Array(new SharedArrayBuffer(8 * rounds)),
  };
  const ends = cpus.map((cpu, i) => {
    const order: PassingOrder = { ...common, cpu, pool: pool.share(1 + i) };
    return new Worker(new URL('./passing-end.js', import.meta.url), { workerData: order, execArgv: [] });
  });
  await Promise.all(ends.map((end) => once(end, 'exit')));
  pool.close();
  return common;
}
