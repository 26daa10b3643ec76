/** Reads what a `PollWatch` writes, on any thread, without stopping the loop. */
import { build, type Histogram } from 'hdr-histogram-js';
import { type DeoptTrace, deoptTrace } from './deopt-trace.ts';
import {
  CAUSES,
  lowestOf,
  MOST_COUNTED,
  openRecord,
  STEP,
  type WatchRecord,
  type WatchShare,
  WORDS,
} from './watch-record.ts';

/** Why a gap was long: what the loop, or its compilation, did; what else the event loop ran; others had the CPU, or the step blocked. */
export type GapCause = (typeof CAUSES)[number] | 'deoptimisation';

/** The longest gap, exactly; when it began, in nanoseconds of CLOCK_MONOTONIC. */
export interface LongestGap {
  readonly nanoseconds: number;
  readonly at: number;
  readonly cause: GapCause;
}

/** How often, and nanoseconds altogether. */
export interface Spent {
  readonly count: number;
  readonly nanoseconds: number;
}

/** How a loop did, in some time. */
export interface WatchFigures {
  readonly name: string;
  /** The time that the figures are of. */
  readonly seconds: number;
  readonly polls: number;
  /** Polls that moved nothing. */
  readonly emptyPolls: number;
  readonly packets: number;
  /** Of polls that moved any; at most 1.6 % too low. */
  readonly packetsPerPoll: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Nanoseconds between the begins of two polls; but for `max` at most 1.6 % too low. */
  readonly gaps: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly p9999: number;
    readonly max: number;
  };
  /** Undefined if there were no two polls. */
  readonly longest: LongestGap | undefined;
  /** Sleep on purpose. */
  readonly rests: Spent;
  readonly collections: Spent;
  /** Nanoseconds in which the thread was not on a CPU, and had not gone to sleep on purpose. */
  readonly offCpu: number;
  /** How often V8 threw the thread's compiled code away; undefined if that cannot be seen. */
  readonly deoptimisations: number | undefined;
}

/** The state of a record at one moment. */
interface Snapshot {
  readonly at: number;
  readonly words: Float64Array;
  readonly gaps: Float64Array;
  readonly bursts: Float64Array;
  readonly deoptimisations: number;
}

/**
 * There is one for each watch: it takes the longest gap out of the record whenever it reads. Deoptimisations are seen by readers
 * on the main thread.
 */
export class WatchReader {
  readonly name: string;
  readonly #record: WatchRecord;
  readonly #now: () => number;
  /** Those that the loop has run on, one after the other. */
  readonly #threads = new Set<number>();
  readonly #first: Promise<Snapshot>;
  #trace: DeoptTrace | undefined;
  #previous: Snapshot | undefined;
  #longest: LongestGap | undefined;

  /** Counts from now on. */
  constructor(share: WatchShare, now = () => performance.now() / 1000) {
    this.name = share.name;
    this.#record = openRecord(share.record);
    this.#now = now;
    this.#first = this.#begin();
  }

  /** Since the last call, or since this reader was made. */
  async interval(): Promise<WatchFigures> {
    const before = this.#previous ?? (await this.#first);
    await this.#trace?.look();
    const now = this.#take();
    const longest = this.#takeLongest(now);
    this.#previous = now;
    if (longest && longest.nanoseconds >= (this.#longest?.nanoseconds ?? 0)) this.#longest = longest;
    return this.#figures(before, now, longest);
  }

  /** Since this reader was made; ends an interval. */
  async total(): Promise<WatchFigures> {
    await this.interval();
    const first = await this.#first;
    return this.#figures(first, this.#previous ?? first, this.#longest);
  }

  async #begin(): Promise<Snapshot> {
    const first = this.#take();
    this.#trace = await deoptTrace();
    await this.#trace?.look();
    return { ...first, deoptimisations: this.#take().deoptimisations };
  }

  #take(): Snapshot {
    const { words, gaps, bursts } = this.#record;
    this.#threads.add(words[WORDS.thread]);
    let deoptimisations = 0;
    for (const thread of this.#threads) deoptimisations += this.#trace?.count(thread) ?? 0;
    return { at: this.#now(), words: words.slice(), gaps: gaps.slice(), bursts: bursts.slice(), deoptimisations };
  }

  #takeLongest({ words }: Snapshot): LongestGap | undefined {
    const nanoseconds = words[WORDS.longest];
    if (nanoseconds === 0) return undefined;
    // The loop may be about to write a longer one: that is shown the next time, or not at all.
    this.#record.words[WORDS.longest] = 0;
    const at = words[WORDS.longestAt];
    const cause = words[WORDS.longestCause];
    const slowedDown = cause === STEP && this.#trace?.between(words[WORDS.thread], at, at + nanoseconds);
    return { nanoseconds, at, cause: slowedDown ? 'deoptimisation' : CAUSES[cause] };
  }

  #figures(before: Snapshot, now: Snapshot, longest: LongestGap | undefined): WatchFigures {
    const counted = (word: keyof typeof WORDS) => now.words[WORDS[word]] - before.words[WORDS[word]];
    const gaps = histogram(before.gaps, now.gaps, 0);
    const bursts = histogram(before.bursts, now.bursts, 1);
    return {
      name: this.name,
      seconds: now.at - before.at,
      polls: counted('polls'),
      emptyPolls: now.bursts[0] - before.bursts[0],
      packets: counted('packets'),
      packetsPerPoll: {
        p50: bursts.getValueAtPercentile(50),
        p99: bursts.getValueAtPercentile(99),
        max: bursts.maxValue,
      },
      gaps: { ...percentiles(gaps), max: longest?.nanoseconds ?? gaps.maxValue },
      longest,
      rests: { count: counted('rests'), nanoseconds: counted('rested') },
      collections: { count: counted('collections'), nanoseconds: counted('collected') },
      offCpu: counted('waited'),
      deoptimisations: this.#trace && now.deoptimisations - before.deoptimisations,
    };
  }
}

/** What was counted between two moments, from `bucket` on. */
function histogram(before: Float64Array, now: Float64Array, bucket: number): Histogram {
  const result = build({ highestTrackableValue: MOST_COUNTED, numberOfSignificantValueDigits: 3 });
  for (let i = bucket; i < now.length; i++) {
    const count = now[i] - before[i];
    if (count > 0) result.recordValueWithCount(lowestOf(i), count);
  }
  return result;
}

function percentiles(of: Histogram): { p50: number; p99: number; p999: number; p9999: number } {
  const at = (percentile: number) => of.getValueAtPercentile(percentile);
  return { p50: at(50), p99: at(99), p999: at(99.9), p9999: at(99.99) };
}
