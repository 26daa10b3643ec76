/** The benchmark's own addon: C++ baselines, ring completion and one clock for all; see bench/native. */
import { createRequire } from 'node:module';

/** A C++ loop over rings in memory. */
export interface Baseline {
  /** Completes the rings, then times receive, touch, transmit for `packets`; returns ticks. */
  drain(packets: number): number;
}

export interface Completion {
  /** Completes the rings, then times `loop(packets)`; returns ticks. `transmitTail`: of use to the 82599 only. */
  time(packets: number, transmitTail: number, loop: (packets: number) => void): number;
}

export type NewBaseline = new (ringSize: number, packets: number, batch: number) => Baseline;
/** The queues' memory in 32-bit words, and the number of descriptors in each. */
export type NewCompletion = new (receive: Int32Array, transmit: Int32Array, size: number) => Completion;

export interface BenchAddon {
  readonly ticksPerNanosecond: number;
  readonly IxgbeClassic: NewBaseline;
  readonly IxgbeNative: NewBaseline;
  readonly SplitClassic: NewBaseline;
  readonly SplitNative: NewBaseline;
  readonly PackedClassic: NewBaseline;
  readonly PackedNative: NewBaseline;
  readonly IxgbeCompletion: NewCompletion;
  readonly SplitCompletion: NewCompletion;
  readonly PackedCompletion: NewCompletion;
}

/** What benchmarks need of the package's own addon, which exports none of it. */
interface SystemCalls {
  setAffinity(cpus: readonly number[]): void;
  getAffinity(): number[];
}

export function loadSystemCalls(): SystemCalls {
  const require = createRequire(import.meta.url);
  return require('../../build/Release/ixy.node') as SystemCalls;
}

/** The addon, which `npm run bench` has built. */
export function loadBenchAddon(): BenchAddon {
  const require = createRequire(import.meta.url);
  return require('../../build-bench/Release/ixy_bench.node') as BenchAddon;
}
