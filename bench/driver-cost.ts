/**
 * What the driver costs: receive, touch a byte of each packet, transmit, on one thread, over rings in memory that an
 * untimed step completes. Beside the TypeScript driver run two C++ loops, interleaved with it: `classic`, the way a C
 * driver is usually written, and `native`, the TypeScript driver's structure in C++.
 */
import { allocatePlainMemory, EmulatedPciDevice, type IxgbeDevice, openIxgbe, PacketBatch, PacketPool } from 'ixy.ts';
import type { BenchAddon } from './addon.ts';
import { ringBehind } from './rings.ts';
import { median } from './statistics.ts';

const RING = 512;
const POOL = 4096;
const DRAIN = 384;
const FRAME_OFFSET = 6;
const PAGE = 2 ** 21;

export interface DriverCost {
  readonly driver: string;
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

const TDT = 0x6018; // 8.2.3.9.9

function forwardLoop(nic: IxgbeDevice, size: number): (packets: number) => void {
  const batch = new PacketBatch(size);
  return (packets) => {
    for (let done = 0; done < packets; ) {
      done += nic.rx[0].receive(batch);
      const { bytes } = batch.pool;
      const { offsets, length } = batch;
      for (let i = 0; i < length; i++) bytes[offsets[i] + FRAME_OFFSET]++;
      nic.tx[0].transmit(batch);
      batch.free();
    }
  };
}

/** The driver as `open` gives it, on an emulated NIC whose model never runs: the addon completes its rings. */
async function typeScriptContestant(addon: BenchAddon, batch: number): Promise<{ drain: Contestant; close(): void }> {
  const device = new EmulatedPciDevice({ strict: false });
  const pool = new PacketPool(allocatePlainMemory(PacketPool.memorySize(POOL, PAGE)));
  const nic = await openIxgbe(device, {
    allocateMemory: allocatePlainMemory,
    pool,
    rxRingSize: RING,
    txRingSize: RING,
    linkPollInterval: 0,
    checked: false,
  });
  const completion = new addon.IxgbeCompletion(
    ringBehind(device, 'receive', RING),
    ringBehind(device, 'transmit', RING),
    RING,
  );
  const { doorbells } = device.bar(0);
  const loop = forwardLoop(nic, batch);
  const empty = () => {};
  // The model, which does not run, has taken the tail of 0 out of the doorbell and left -1 there.
  const tail = () => Math.max(0, doorbells[TDT / 4]);
  const drain = (packets: number) => completion.time(packets, tail(), loop);
  for (let i = 0; i < 3000; i++) drain(DRAIN); // until V8 has compiled everything
  const close = () => {
    nic.close();
    pool.close();
  };
  let overhead = Number.POSITIVE_INFINITY; // of calling a JavaScript function from the clock
  for (let i = 0; i < 200; i++) overhead = Math.min(overhead, completion.time(0, tail(), empty));
  return { drain: (packets) => drain(packets) - overhead, close };
}

/** The best of `drains` drains, in ticks per packet. */
function best(contestant: Contestant, drains: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < drains; i++) least = Math.min(least, contestant(DRAIN));
  return least / DRAIN;
}

/** One row: `rounds` interleaved rounds, each the best of 50 drains; medians of the rounds. */
export async function measureDriverCost(addon: BenchAddon, batch: number, rounds: number): Promise<DriverCost> {
  const typeScript = await typeScriptContestant(addon, batch);
  const classic = new addon.IxgbeClassic(RING, POOL, batch);
  const native = new addon.IxgbeNative(RING, POOL, batch);
  const contestants: Contestant[] = [typeScript.drain, (n) => classic.drain(n), (n) => native.drain(n)];
  const ticks: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) ticks[i].push(best(contestant, 50));
  }
  typeScript.close();
  const [ns, classicNs, nativeNs] = ticks.map((samples) => median(samples) / addon.ticksPerNanosecond);
  const row = { driver: 'ixgbe', batch, nsPerPacket: ns, classicNs, nativeNs };
  return { ...row, ratio: classicNs / ns, ofNative: nativeNs / ns };
}
