/**
 * What a watched loop writes down, in memory that other threads read meanwhile: counters, and two histograms. All words are
 * doubles, written by the loop's thread alone: a reader may see one counter a poll ahead of the other, but no torn numbers.
 */

/** Plain data that names a watch; another thread, or the same, makes a `PollWatch` or a `WatchReader` of it. */
export interface WatchShare {
  /** What the loop is called where figures are shown. */
  readonly name: string;
  readonly record: SharedArrayBuffer;
}

/** Words of the counters. Times are nanoseconds, moments those of CLOCK_MONOTONIC. */
export const WORDS = {
  polls: 0,
  packets: 1,
  /** When the last poll began. */
  last: 2,
  /** The longest gap since a reader last set it to 0; when it began, and why it was so long. */
  longest: 3,
  longestAt: 4,
  longestCause: 5,
  /** Times that the loop slept on purpose, and how long altogether. */
  rests: 6,
  rested: 7,
  collections: 8,
  collected: 9,
  /** How long the thread was not on a CPU, although it had not gone to sleep. */
  waited: 10,
  /** Linux's id of the loop's thread. */
  thread: 11,
  /** Not the reader's: what the next poll has to note, and the state of the clocks when the CPU time was last looked at. */
  mark: 12,
  sampledAt: 13,
  sampledCpu: 14,
  /** Nor these: the gap before the last poll, and how long the thread was not on a CPU between the last two looks. */
  gap: 15,
  offCpu: 16,
} as const;

/** What made a gap long, as `longestCause`. */
export const CAUSES = ['the loop itself', 'the event loop', 'not on a CPU', 'collection'] as const;
export const STEP = 0;
export const EVENT_LOOP = 1;
export const OFF_CPU = 2;
export const COLLECTION = 3;

const COUNTERS = 64;

/**
 * Histograms are linear up to 128, and have 64 buckets for each power of two beyond: what they tell is at most 1.6 % too low.
 * Values end at 2^31 − 1; as nanoseconds that is two seconds, and what is longer counts as that.
 */
export const BUCKETS = 64 * 26;
export const MOST_COUNTED = 2 ** 31 - 1;

/** The bucket of an integer in 0 … `MOST_COUNTED`. */
export function bucketOf(value: number): number {
  const shift = Math.max(0, 25 - Math.clz32(value));
  return (shift << 6) + (value >>> shift);
}

/** The lowest value in a bucket. */
export function lowestOf(bucket: number): number {
  const shift = Math.max(0, (bucket >> 6) - 1);
  return (bucket - (shift << 6)) * 2 ** shift;
}

/** The parts of a record, as arrays over the memory itself. */
export interface WatchRecord {
  readonly words: Float64Array;
  /** Gaps between polls, in nanoseconds, by `bucketOf`. */
  readonly gaps: Float64Array;
  /** Packets that polls moved. */
  readonly bursts: Float64Array;
}

/** For a `PollWatch` on the loop's thread, and a `WatchReader`. `name` is shown. */
export function createWatch(name: string): WatchShare {
  return { name, record: new SharedArrayBuffer(8 * (COUNTERS + 2 * BUCKETS)) };
}

export function openRecord(record: SharedArrayBuffer): WatchRecord {
  return {
    words: new Float64Array(record, 0, COUNTERS),
    gaps: new Float64Array(record, 8 * COUNTERS, BUCKETS),
    bursts: new Float64Array(record, 8 * (COUNTERS + BUCKETS), BUCKETS),
  };
}
