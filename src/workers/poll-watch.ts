/** A watch over one packet loop, on the loop's thread: it writes down when each poll began, and what it moved. */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { type LoopClock, loopClock } from './loop-clock.ts';
import { COLLECTION, openRecord, type WatchRecord, type WatchShare, WORDS } from './watch-record.ts';
import { FIRST, RESTED, TURNED, type WatchedPoll, watchedPoll } from './watched-poll.ts';

/** Of the event loop, from a collection to the observer's call: two, and one to be sure. */
const TURNS_TO_REPORT = 3;

/**
 * Watches a loop of this thread: `poll(step, { watch })` does, and loops of one's own call `begin` and `moved`. A poll then
 * takes some 30 ns longer, and leaves no garbage. Another thread reads along with a `WatchReader`.
 *
 * What counts as a gap is the time between the begins of two polls, so what is done with the packets is part of it; what the
 * loop sleeps on purpose is counted apart. Collections are reported by the event loop: one that never returns to it shows none.
 */
export class PollWatch {
  /** A poll begins. */
  readonly begin: () => void;
  /** So many packets were moved by the poll that began last. */
  readonly moved: (packets: number) => void;
  readonly #record: WatchRecord;
  readonly #observer: PerformanceObserver;

  /** Throws `ERR_NO_ADDON` unless there is a `clock`. */
  constructor(share: WatchShare, clock: LoopClock = loopClock()) {
    this.#record = openRecord(share.record);
    this.#synchronise(clock);
    this.#record.words[WORDS.thread] = Number(basename(readlinkSync('/proc/thread-self')));
    const poll: WatchedPoll = watchedPoll(this.#record, clock);
    this.begin = poll.begin;
    this.moved = poll.moved;
    const offset = clock.time[0] - performance.now() * 1e6;
    this.#observer = new PerformanceObserver((list) => {
      const collections = list.getEntries().map(({ startTime, duration }) => {
        return { begin: startTime * 1e6 + offset, nanoseconds: duration * 1e6 };
      });
      this.collected(collections);
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** A step that does what `step` does, and is watched. What it returns below 0, to end its loop, moved nothing. */
  around(step: () => number | undefined): () => number | undefined {
    const { begin, moved } = this;
    return () => {
      begin();
      const count = step();
      moved(count === undefined || count < 0 ? 0 : count);
      return count;
    };
  }

  /** The loop has slept on purpose since its last poll. */
  rested(): void {
    this.#mark(RESTED);
  }

  /** The loop has left the thread to others since its last poll: timers, promises, callbacks. */
  turned(): void {
    this.#mark(TURNED);
  }

  /** Collections of garbage on this thread, by CLOCK_MONOTONIC. Called by itself; public for tests. */
  collected(collections: readonly { readonly begin: number; readonly nanoseconds: number }[]): void {
    const { words } = this.#record;
    const [begin, end] = [words[WORDS.longestAt], words[WORDS.longestAt] + words[WORDS.longest]];
    let within = 0;
    for (const collection of collections) {
      const { nanoseconds } = collection;
      words[WORDS.collections]++;
      words[WORDS.collected] += nanoseconds;
      within += Math.max(0, Math.min(end, collection.begin + nanoseconds) - Math.max(begin, collection.begin));
    }
    if (within > 0 && within >= (end - begin) / 2) words[WORDS.longestCause] = COLLECTION;
  }

  /** Ends the watch, once the event loop has reported what was collected until now; the record stays as it is. */
  async close(): Promise<void> {
    for (let turn = 0; turn < TURNS_TO_REPORT; turn++) await setImmediate();
    this.#observer.disconnect();
  }

  /** Until the first poll nothing is a gap. */
  #synchronise(clock: LoopClock): void {
    clock.readTime();
    clock.readCpu();
    const { words } = this.#record;
    words[WORDS.last] = clock.time[0];
    words[WORDS.sampledAt] = clock.time[0];
    words[WORDS.sampledCpu] = clock.cpu[0];
    this.#mark(FIRST);
  }

  #mark(what: number): void {
    this.#record.words[WORDS.mark] |= what;
  }
}
