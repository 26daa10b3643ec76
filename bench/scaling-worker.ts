/** One of the workers whose rates are added up. */
import { workerData } from 'node:worker_threads';
import { type PoolShare, SharedPool } from 'ixy.ts';
import { loadBenchAddon, loadSystemCalls } from './addon.ts';
import { DRAIN, type DriverName, driverLoop } from './driver-cost.ts';

export interface ScalingOrder {
  readonly driver: DriverName;
  readonly batch: number;
  readonly rounds: number;
  readonly cpu: number;
  /** 0 or 1: who runs alone in which half of a round. */
  readonly index: number;
  readonly pool: PoolShare;
  /** How often a worker has come to where both meet. */
  readonly meeting: Int32Array;
  /** Nanoseconds per packet, by round. */
  readonly alone: Float64Array;
  readonly together: Float64Array;
}

/** Some milliseconds: so long that both run at once for nearly all of it. */
const DRAINS = 2000;

const { driver, batch, rounds, cpu, index, meeting, alone, together, ...order } = workerData as ScalingOrder;
loadSystemCalls().setAffinity([cpu]);
const { drain, close } = await driverLoop(loadBenchAddon(), driver, batch, SharedPool.attach(order.pool));
for (let round = 0; round < rounds; round++) {
  for (const turn of [0, 1]) {
    meet();
    if (turn === index) alone[round] = perPacket();
  }
  meet();
  together[round] = perPacket();
}
meet();
close();

/** Of all the drains, not the best: what both share would only show there where they meet. */
function perPacket(): number {
  let nanoseconds = 0;
  for (let i = 0; i < DRAINS; i++) nanoseconds += drain();
  return nanoseconds / DRAINS / DRAIN;
}

/** Both go on at the same time; who waits leaves the processor's caches alone. */
function meet(): void {
  const before = Atomics.load(meeting, 1);
  if (Atomics.add(meeting, 0, 1) % 2 === 1) {
    Atomics.add(meeting, 1, 1);
    Atomics.notify(meeting, 1);
  } else Atomics.wait(meeting, 1, before);
}
