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
  const { polls, packets, last, longest, longestAt, longestCause, rests, rested } = constants;
  const { waited, mark, sampledAt, sampledCpu, MOST_COUNTED, SAMPLE_NANOSECONDS } = constants;
  const { STEP, EVENT_LOOP, OFF_CPU, TURNED, RESTED, FIRST } = constants;

  /** How long the thread was not on a CPU since the last call, and until `now`. */
  const sample = (now: number): number => {
    readCpu();
    const offCpu = Math.max(0, now - $words[sampledAt] - ($cpu[0] - $words[sampledCpu]));
    $words[sampledAt] = now;
    $words[sampledCpu] = $cpu[0];
    return offCpu;
  };

  const noteRest = (gap: number, now: number): void => {
    sample(now);
    $words[rests]++;
    $words[rested] += gap;
  };

  const noteGap = (gap: number, now: number): void => {
    const marks = $words[mark];
    $words[mark] = 0;
    if ((marks & FIRST) !== 0) {
      sample(now);
      return;
    }
    if ((marks & RESTED) !== 0) {
      noteRest(gap, now);
      return;
    }
    $gaps[bucket(gap)]++;
    const isLongest = gap > $words[longest];
    if (!isLongest && now - $words[sampledAt] < SAMPLE_NANOSECONDS) return;
    const offCpu = sample(now);
    $words[waited] += offCpu;
    if (!isLongest) return;
    $words[longest] = gap;
    $words[longestAt] = now - gap;
    $words[longestCause] = offCpu >= gap / 2 ? OFF_CPU : (marks & TURNED) !== 0 ? EVENT_LOOP : STEP;
  };

  const bucket = (value: number): number => {
    const integer = value < MOST_COUNTED ? value | 0 : MOST_COUNTED;
    const shift = Math.max(0, 25 - Math.clz32(integer)) | 0;
    return ((shift << 6) + (integer >>> shift)) | 0;
  };

  const begin = (): void => {
    const words = $words;
    const gaps = $gaps;
    const time = $time;
    readTime();
    const now = time[0];
    const gap = now - words[last];
    words[last] = now;
    words[polls]++;
    if (words[mark] !== 0 || gap > words[longest] || now - words[sampledAt] >= SAMPLE_NANOSECONDS) noteGap(gap, now);
    else gaps[bucket(gap)]++;
  };

  const moved = (count: number): void => {
    $words[packets] += count;
    $bursts[bucket(count)]++;
  };

  return { begin, moved };
}
