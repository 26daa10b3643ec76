/**
 * What a driver costs: receive, touch a byte of each packet, transmit, on one thread, over rings in memory that an
 * untimed step completes. Beside the TypeScript driver run two C++ loops, interleaved with it: `classic`, the way a C
 * driver is usually written, and `native`, the TypeScript driver's structure in C++.
 */
import { setTimeout } from 'node:timers/promises';
import { Script } from 'node:vm';
import { allocatePlainMemory, type NetDevice, PacketBatch, PacketPool } from 'ixy.ts';
import type { BenchAddon, NewBaseline, NewCompletion } from './addon.ts';
import { ixgbeRings, type RingOptions, type Rings, virtioRings } from './rings.ts';
import { median } from './statistics.ts';

const RING = 512;
const POOL = 4096;
/** Packets per drain. */
export const DRAIN = 384;
/** Until V8 has compiled everything, which it does on other threads: they may have to wait for this one's processor. */
const WARM_UP_DRAINS = 500;
const WARM_UP_PAUSES = 6;
const WARM_UP_MILLISECONDS = 20;
const FRAME_OFFSET = 6;
const PAGE = 2 ** 21;

export interface DriverCost {
  readonly driver: DriverName;
  readonly batch: number;
  readonly nsPerPacket: number;
  readonly classicNs: number;
  readonly nativeNs: number;
  /** classic / TypeScript: above 1, TypeScript is faster. */
  readonly ratio: number;
  /** native / TypeScript. */
  readonly ofNative: number;
}

/** Runs one drain of `packets` and returns ticks. */
type Contestant = (packets: number) => number;

/** What runs against each other. */
interface Contest {
  readonly open: (options: RingOptions) => Promise<Rings>;
  readonly classic: NewBaseline;
  readonly native: NewBaseline;
  readonly completion: NewCompletion;
}

export const DRIVERS = ['ixgbe', 'virtio-split', 'virtio-packed'] as const;
export type DriverName = (typeof DRIVERS)[number];

function contests(addon: BenchAddon): Record<DriverName, Contest> {
  return {
    ixgbe: {
      open: ixgbeRings,
      classic: addon.IxgbeClassic,
      native: addon.IxgbeNative,
      completion: addon.IxgbeCompletion,
    },
    'virtio-split': {
      open: (options) => virtioRings('split', options),
      classic: addon.SplitClassic,
      native: addon.SplitNative,
      completion: addon.SplitCompletion,
    },
    'virtio-packed': {
      open: (options) => virtioRings('packed', options),
      classic: addon.PackedClassic,
      native: addon.PackedNative,
      completion: addon.PackedCompletion,
    },
  };
}

/** Forwards packets one batch at a time. The factory is copied: it uses its parameters only. */
function makeForwardLoop(nic: NetDevice, batch: PacketBatch, touched: number): (packets: number) => void {
  return (packets) => {
    for (let done = 0; done < packets; ) {
      done += nic.rx[0].receive(batch);
      const { bytes } = batch.pool;
      const { offsets, length } = batch;
      for (let i = 0; i < length; i++) bytes[offsets[i] + touched]++;
      nic.tx[0].transmit(batch);
      batch.free();
    }
  };
}

/** A loop with code of its own, as each program has; else V8 would prepare it for all drivers that ran before. */
function forwardLoop(nic: NetDevice, size: number): (packets: number) => void {
  const copy = new Script(`(${makeForwardLoop})`, { filename: `bench:loop#${loops++}` });
  const make = copy.runInThisContext() as typeof makeForwardLoop;
  return make(nic, new PacketBatch(size), FRAME_OFFSET);
}

let loops = 0;

/** The TypeScript driver alone, with packets of `pool`, which is closed with it; `drain` returns nanoseconds for `DRAIN` packets. */
export async function driverLoop(
  addon: BenchAddon,
  driver: DriverName,
  batch: number,
  pool: PacketPool,
): Promise<{ readonly drain: () => number; close(): void }> {
  const { drain, close } = await typeScriptContestant(contests(addon)[driver], batch, pool);
  return { drain: () => drain(DRAIN) / addon.ticksPerNanosecond, close };
}

/** The driver as `open` gives it, on an emulated NIC whose model never runs: the addon completes its rings. */
async function typeScriptContestant(
  contest: Contest,
  batch: number,
  pool = new PacketPool(allocatePlainMemory(PacketPool.memorySize(POOL, PAGE))),
): Promise<{ drain: Contestant; close(): void }> {
  const rings = await contest.open({
    allocateMemory: allocatePlainMemory,
    pool,
    rxRingSize: RING,
    txRingSize: RING,
  });
  const { nic } = rings;
  const completion = new contest.completion(rings.receive, rings.transmit, RING);
  const loop = forwardLoop(nic, batch);
  const empty = () => {};
  const drain = (packets: number) => completion.time(packets, rings.transmitTail(), loop);
  for (let pause = 0; pause < WARM_UP_PAUSES; pause++) {
    for (let i = 0; i < WARM_UP_DRAINS; i++) drain(DRAIN);
    await setTimeout(WARM_UP_MILLISECONDS);
  }
  const close = () => {
    nic.close();
    pool.close();
  };
  let overhead = Number.POSITIVE_INFINITY; // of calling a JavaScript function from the clock
  for (let i = 0; i < 200; i++) overhead = Math.min(overhead, completion.time(0, rings.transmitTail(), empty));
  return { drain: (packets) => drain(packets) - overhead, close };
}

/** The best of `drains` drains, in ticks per packet. */
function best(contestant: Contestant, drains: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < drains; i++) least = Math.min(least, contestant(DRAIN));
  return least / DRAIN;
}

/** One row: `rounds` interleaved rounds, each the best of 50 drains; medians of the rounds. */
export async function measureDriverCost(
  addon: BenchAddon,
  driver: DriverName,
  batch: number,
  rounds: number,
): Promise<DriverCost> {
  const contest = contests(addon)[driver];
  const typeScript = await typeScriptContestant(contest, batch);
  const classic = new contest.classic(RING, POOL, batch);
  const native = new contest.native(RING, POOL, batch);
  const contestants: Contestant[] = [typeScript.drain, (n) => classic.drain(n), (n) => native.drain(n)];
  const ticks: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) ticks[i].push(best(contestant, 50));
  }
  typeScript.close();
  const [ns, classicNs, nativeNs] = ticks.map((samples) => median(samples) / addon.ticksPerNanosecond);
  const row = { driver, batch, nsPerPacket: ns, classicNs, nativeNs };
  return { ...row, ratio: classicNs / ns, ofNative: nativeNs / ns };
}
