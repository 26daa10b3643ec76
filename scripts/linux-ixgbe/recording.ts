/** A run of Linux's driver, cut into the phases of a card's life; and what is kept of it. */
import type { Access } from './access.ts';
import { lastWrites } from './compare.ts';
import { condense, type Placeholders, type Row } from './condense.ts';
import { PHASES, type PhaseName } from './phases/index.ts';
import { segment } from './segment.ts';

export interface Recording {
  /** The kernel's series: '6.1'. */
  readonly kernel: string;
  /** All accesses of each phase, in order. */
  readonly phases: Readonly<Record<PhaseName, readonly Access[]>>;
}

/** What does not differ from run to run: `recorded.json` holds it. */
export interface Recorded {
  readonly kernel: string;
  /** The steps of each phase. */
  readonly phases: Readonly<Record<string, readonly RecordedStep[]>>;
  /** What was written last until the link is up, by register. */
  readonly written: Readonly<Record<string, readonly string[]>>;
}

export interface RecordedStep {
  readonly title: string;
  /** How many writes it took. Undefined where that is a matter of chance; reads always are, as waits take them. */
  readonly writes?: number;
  readonly rows: readonly Row[];
}

const RING = "a ring of the driver's";
/** Values that differ from run to run, or are one by one of no interest. */
export const PLACEHOLDERS: Placeholders = new Map([
  ['TDBAL', RING],
  ['TDBAH', RING],
  ['RDBAL', RING],
  ['RDBAH', RING],
  ['RSSRK', 'a random key'],
  ['SYSTIML', 'the time'],
  ['SYSTIMH', 'the time'],
  ['MSRWD', 'all ones: nobody answers'],
  ['I2CCTL', 'clock and data, bit by bit'],
  ['EERD', 'an address and START, then DONE and a word'],
]);

/** What stands between the steps rather than in them, which the page tells of once. */
const PLUMBING = ['STATUS', 'SWSM', 'SW_FW_SYNC'];

/** Our own driver moves them by plain stores, which nobody sees. */
const TAILS = ['RDT', 'TDT'];

/** Throws for an access that no step is known to make. */
export function condenseRecording({ kernel, phases }: Recording): Recorded {
  const names = Object.keys(PHASES) as PhaseName[];
  const taken = names.map((name) => {
    const accesses = phases[name].filter(({ register }) => !PLUMBING.includes(register));
    return { name, steps: segment(accesses, PHASES[name].steps) };
  });
  const lists = taken.map(({ name, steps }) => {
    const list = steps.map(({ step, accesses }) => ({
      title: step.title,
      ...((step.comes ?? 'once') === 'once' ? { writes: accesses.filter(({ write }) => write).length } : {}),
      rows: step.unlisted ? [] : condense(accesses, PLACEHOLDERS),
    }));
    return [name, list] as const;
  });
  const untilLink = taken.filter(({ name }) => name === 'probe' || name === 'up').flatMap(({ steps }) => steps);
  // What interrupts and timers write last, is a matter of chance.
  const lasting = untilLink
    .filter(({ step }) => step.comes !== 'meanwhile')
    .flatMap(({ accesses }) => accesses)
    .filter(({ register }) => !TAILS.includes(register) && !register.startsWith('config'));
  return {
    kernel,
    phases: Object.fromEntries(lists),
    written: lastWrites(lasting, PLACEHOLDERS),
  };
}
