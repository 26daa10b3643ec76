/**
 * Huge pages for tests: sets pages aside, and gives the system its old number back. Test files run in parallel, so what
 * each needs is written down in a file that a lock protects; the number set is what was there plus what all of them need.
 */
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { HUGE_PAGE_2_MIB, hugePageCounts } from '../../src/memory/huge-pages.ts';
import { nap } from '../../src/nap.ts';
import { addon } from '../../src/native/addon.ts';

const NUMBER = '/proc/sys/vm/nr_hugepages';
const LEDGER = join(tmpdir(), 'ixy-test-huge-pages.json');

/** Why this process cannot set huge pages aside; undefined if it can. */
export function hugePagesMissing(): string | undefined {
  try {
    accessSync(NUMBER, constants.W_OK);
  } catch {
    return `${NUMBER} is not writable`;
  }
  return hugePageCounts(HUGE_PAGE_2_MIB) ? undefined : 'the machine has no huge pages of 2 MiB';
}

/** Has `pages` free huge pages of 2 MiB set aside while the tests of the surrounding `describe` run. */
export function useHugePages(pages: number): void {
  beforeAll(() => {
    book(pages);
    const free = hugePageCounts(HUGE_PAGE_2_MIB)?.available ?? 0;
    if (free < pages)
      throw new Error(`the system set aside ${free} of ${pages} huge pages: its memory is too fragmented`);
  });
  afterAll(() => book(-pages));
}

interface Ledger {
  /** The number before the first of us came. */
  readonly original: number;
  /** Pages needed, by process. */
  readonly needs: Record<string, number>;
}

function book(pages: number): void {
  const lock = takeLock();
  try {
    const ledger = readLedger();
    const mine = (ledger.needs[process.pid] ?? 0) + pages;
    const needs = Object.entries<number>({ ...ledger.needs, [process.pid]: mine }).filter(
      ([pid, count]) => count > 0 && existsSync(`/proc/${pid}`),
    );
    const sum = needs.reduce((total, [, count]) => total + count, 0);
    writeFileSync(NUMBER, String(ledger.original + sum));
    const next = needs.length > 0 ? { original: ledger.original, needs: Object.fromEntries(needs) } : undefined;
    writeFileSync(LEDGER, next ? JSON.stringify(next) : '');
  } finally {
    closeSync(lock);
  }
}

function takeLock(): number {
  const lock = openSync(`${LEDGER}.lock`, 'a');
  while (!addon().tryLock(lock)) nap(1);
  return lock;
}

function readLedger(): Ledger {
  const text = existsSync(LEDGER) ? readFileSync(LEDGER, 'utf8') : '';
  return text ? JSON.parse(text) : { original: Number(readFileSync(NUMBER, 'utf8')), needs: {} };
}
