/** The two functions that a watched loop calls at every poll, compiled for each watch: see specialise.ts. */
import { specialise } from '../specialise.ts';
import type { LoopClock } from './loop-clock.ts';
import { COLLECTION, EVENT_LOOP, MOST_COUNTED, OFF_CPU, STEP, type WatchRecord, WORDS } from './watch-record.ts';

/** What `WORDS.mark` says about the time since the last poll. */
export const TURNED = 1;
export const RESTED = 2;
/** There was no poll before. */
export const FIRST = 4;

/** How often to look at the CPU time, which is a system call: a gap is compared with at most so much more than itself. */
const SAMPLE_NANOSECONDS = 1e6;

const CONSTANTS = {
  ...WORDS,
  MOST_COUNTED,
  SAMPLE_NANOSECONDS,
  STEP,
  EVENT_LOOP,
  OFF_CPU,
  COLLECTION,
  TURNED,
  RESTED,
  FIRST,
};

export interface WatchedPoll {
  /** At the begin of each poll. */
  readonly begin: () => void;
  /** What the poll moved: 0 or more. */
  readonly moved: (packets: number) => void;
}

export function watchedPoll(record: WatchRecord, clock: LoopClock): WatchedPoll {
  return specialise('watch', makeWatchedPoll)(record, clock, CONSTANTS);
}

function makeWatchedPoll(record: WatchRecord, clock: LoopClock, constants: typeof CONSTANTS): WatchedPoll {
  const { words: $words, gaps: $gaps, bursts: $bursts } = record;
  const { time: $time, readTime, cpu: $cpu, readCpu } = clock;
  const { polls, packets, last, longest, longestAt, longestCause, rests, rested, waited, gap, offCpu } = constants;
  const { mark, sampledAt, sampledCpu, MOST_COUNTED, SAMPLE_NANOSECONDS } = constants;
  const { STEP, EVENT_LOOP, OFF_CPU, TURNED, RESTED, FIRST } = constants;

  // These three pass times in words: a number that is no small integer would be an object where it goes from one to another.

  const sample = (): void => {
    readCpu();
    const words = $words;
    words[offCpu] = Math.max(0, words[last] - words[sampledAt] - ($cpu[0] - words[sampledCpu]));
    words[sampledAt] = words[last];
    words[sampledCpu] = $cpu[0];
  };

  const noteRest = (): void => {
    sample();
    $words[rests]++;
    $words[rested] += $words[gap];
  };

  /** `integer`: the gap as it is counted. */
  const noteGap = (integer: number): void => {
    const words = $words;
    const marks = words[mark] | 0;
    words[mark] = 0;
    if ((marks & FIRST) !== 0) {
      sample();
      return;
    }
    if ((marks & RESTED) !== 0) {
      noteRest();
      return;
    }
    $gaps[bucket(integer)]++;
    const isLongest = words[gap] > words[longest];
    if (!isLongest && words[last] - words[sampledAt] < SAMPLE_NANOSECONDS) return;
    sample();
    words[waited] += words[offCpu];
    if (!isLongest) return;
    words[longest] = words[gap];
    words[longestAt] = words[last] - words[gap];
    words[longestCause] = words[offCpu] >= words[gap] / 2 ? OFF_CPU : (marks & TURNED) !== 0 ? EVENT_LOOP : STEP;
  };

  const counted = (value: number): number => (value < MOST_COUNTED ? value | 0 : MOST_COUNTED);

  const bucket = (integer: number): number => {
    const shift = Math.max(0, 25 - Math.clz32(integer)) | 0;
    return ((shift << 6) + (integer >>> shift)) | 0;
  };

  const begin = (): void => {
    const words = $words;
    const gaps = $gaps;
    const time = $time;
    readTime();
    const now = time[0];
    const passed = now - words[last];
    const integer = counted(passed);
    words[gap] = passed;
    words[last] = now;
    words[polls]++;
    if (words[mark] !== 0 || passed > words[longest] || now - words[sampledAt] >= SAMPLE_NANOSECONDS) noteGap(integer);
    else gaps[bucket(integer)]++;
  };

  const moved = (count: number): void => {
    $words[packets] += count;
    $bursts[bucket(counted(count))]++;
  };

  return { begin, moved };
}
