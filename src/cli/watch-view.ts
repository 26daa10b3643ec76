/** `--watch`: when and why packet loops stutter. */
import CliTable3 from 'cli-table3';
import { type Command, Option } from 'commander';
import { createWatch, PollWatch, type WatchFigures, WatchReader } from '../workers/index.ts';
import type { Colors } from './colors.ts';
import { grouped } from './format.ts';

export interface WatchOptions {
  readonly watch?: boolean;
}

export function addWatchOption(command: Command): Command {
  const description = 'also show the gaps between polls, what made the longest one, collections, packets per poll';
  return command.addOption(new Option('--watch', description));
}

/** The loops that a command watches. */
export class Watching {
  readonly #readers: WatchReader[] = [];
  #here: PollWatch | undefined;

  /** If that is asked for. */
  static of({ watch }: WatchOptions): Watching | undefined {
    return watch ? new Watching() : undefined;
  }

  /** For a loop on this thread, of which there is one. */
  here(): PollWatch {
    const share = createWatch('main thread');
    this.#readers.push(new WatchReader(share));
    this.#here = new PollWatch(share);
    return this.#here;
  }

  /** For loops on other threads. */
  add(readers: readonly WatchReader[]): void {
    this.#readers.push(...readers);
  }

  interval(): Promise<WatchFigures[]> {
    return Promise.all(this.#readers.map((reader) => reader.interval()));
  }

  total(): Promise<WatchFigures[]> {
    return Promise.all(this.#readers.map((reader) => reader.total()));
  }

  close(): void {
    void this.#here?.close();
  }
}

/** For people, where nothing can be drawn. */
export function watchLines(loops: readonly WatchFigures[]): string[] {
  return loops.map((loop) => {
    const { p50, p99, p999, p9999 } = loop.gaps;
    const { count, nanoseconds } = loop.collections;
    const gaps = [p50, p99, p999, p9999].map(microseconds).join(' ');
    return (
      `${loop.name}: ${pollRate(loop)} polls/s, ${packets(loop)} packets each; gaps ${gaps} µs (p50 p99 p99.9 p99.99), ` +
      `longest ${longest(loop)}; ${grouped(count)} collections ${microseconds(nanoseconds)} µs, ` +
      `${deoptimisations(loop)} deoptimisations`
    );
  });
}

const HEAD = [
  'Loop',
  'polls/s',
  'packets',
  'gap µs p50',
  'p99',
  'p99.9',
  'p99.99',
  'longest, and why',
  'GCs',
  'deopts',
];

export function watchTable(loops: readonly WatchFigures[], colors: Colors): string {
  const rows = new CliTable3({
    head: HEAD.map((title) => colors.bold(title)),
    colAligns: HEAD.map((title) => (title === 'Loop' ? 'left' : 'right')),
    style: { head: [], border: [] },
  });
  for (const loop of loops) {
    const { p50, p99, p999, p9999 } = loop.gaps;
    const collections = grouped(loop.collections.count);
    rows.push([
      loop.name,
      pollRate(loop),
      packets(loop),
      ...[p50, p99, p999, p9999].map(microseconds),
      longest(loop),
      loop.collections.count > 0 ? colors.yellow(collections) : collections,
      deoptimisations(loop),
    ]);
  }
  return rows.toString();
}

function pollRate({ polls, seconds }: WatchFigures): string {
  return grouped(seconds > 0 ? Math.round(polls / seconds) : 0);
}

/** '12, at most 64': of polls that moved any. */
function packets({ packetsPerPoll: { p50, max } }: WatchFigures): string {
  return `${p50} ≤ ${max}`;
}

function longest({ longest }: WatchFigures): string {
  return longest ? `${microseconds(longest.nanoseconds)} ${longest.cause}` : '–';
}

function deoptimisations(loop: WatchFigures): string {
  return loop.deoptimisations === undefined ? '?' : grouped(loop.deoptimisations);
}

function microseconds(nanoseconds: number): string {
  const value = nanoseconds / 1000;
  return value < 100 ? value.toFixed(1) : grouped(Math.round(value));
}
