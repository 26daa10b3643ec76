/** How samples become figures. */
import { build, type Histogram } from 'hdr-histogram-js';

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** In microseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Of nanoseconds up to 10 s, to three digits. */
export function newHistogram(): Histogram {
  return build({ highestTrackableValue: 1e10, numberOfSignificantValueDigits: 3 });
}

export function percentiles(nanoseconds: Histogram): Percentiles {
  const at = (percentile: number) => nanoseconds.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p99: at(99), p999: at(99.9), max: nanoseconds.maxValue / 1000 };
}
