/** The benchmark's own addon: C++ baselines, ring completion and one clock for all; see bench/native. */
import { createRequire } from 'node:module';

/** A C++ loop over rings in memory. */
export interface Baseline {
  /** Completes the rings, then times receive, touch, transmit for `packets`; returns ticks. */
  drain(packets: number): number;
}

export interface Completion {
  /** Completes the rings, then times `loop(packets)`; returns ticks. */
  time(packets: number, transmitTail: number, loop: (packets: number) => void): number;
}

export interface BenchAddon {
  readonly ticksPerNanosecond: number;
  readonly Classic: new (ringSize: number, packets: number, batch: number) => Baseline;
  readonly Native: new (ringSize: number, packets: number, batch: number) => Baseline;
  readonly Completion: new (receiveRing: Int32Array, transmitRing: Int32Array, size: number) => Completion;
}

/** The addon, which `npm run bench` has built. */
export function loadBenchAddon(): BenchAddon {
  const require = createRequire(import.meta.url);
  return require('../../build-bench/Release/ixy_bench.node') as BenchAddon;
}
