/**
 * What loops count, lane by lane: a lane is a queue to receive from, one to send to, or a pair of them. The counters may lie in
 * memory that other threads read while the loop runs: each is written by one thread, eight bytes at once.
 */

/** Places of a lane's counters: packets received, packets handed on, and packets that nobody had room for. */
export const RECEIVED = 0;
export const FORWARDED = 1;
export const DROPPED = 2;
const LANE_WORDS = 3;
const WORD_BYTES = 8;
/** What two threads write must not share cache lines, which come in pairs of 64 bytes. */
const LINE_BYTES = 128;

/** A loop's counters: totals that are exact up to 2^53. */
export type LaneCounters = Float64Array;

/** Those of one lane. */
export function laneOf(counters: LaneCounters, lane: number): LaneCounters {
  return counters.subarray(lane * LANE_WORDS, (lane + 1) * LANE_WORDS);
}

export function createLaneCounters(lanes: number): LaneCounters {
  return new Float64Array(LANE_WORDS * lanes);
}

/** Where loops that do the same count: by loop, by way (there, back), by queue. */
export class LoopTotals {
  /** By loop. */
  readonly counters: readonly LaneCounters[];
  readonly ways: number;
  /** Of each loop. */
  readonly queues: number;

  /** In memory that threads share. */
  constructor(loops: number, ways: number, queues: number) {
    const words = LANE_WORDS * ways * queues;
    const stride = Math.ceil((words * WORD_BYTES) / LINE_BYTES) * LINE_BYTES;
    const memory = new SharedArrayBuffer(loops * stride);
    this.counters = Array.from({ length: loops }, (_, loop) => new Float64Array(memory, loop * stride, words));
    this.ways = ways;
    this.queues = queues;
  }

  /** Over all loops and queues. */
  total(way: number, counter: number): number {
    return this.byQueue(way, counter).reduce((sum, packets) => sum + packets, 0);
  }

  /** By queue of the port: the first loop has the first ones. */
  byQueue(way: number, counter: number): number[] {
    return this.counters.flatMap((words) =>
      Array.from({ length: this.queues }, (_, queue) => laneOf(words, way * this.queues + queue)[counter]),
    );
  }
}
