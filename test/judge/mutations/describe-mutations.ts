/** The judge is not tolerant: with one rule of the 82599 switched off at a time, its checks fail. One boot for a group of rules. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bench, type Check, PATIENCE, setPatience } from '../harness/bench.ts';
import { describeJudged } from '../harness/describe-judged.ts';
import { beginAnew, isUp, tidy } from '../harness/restore.ts';
import { hasLink, isProbed } from '../suites/bring-up.ts';
import type { Mutations } from './index.ts';
import type { Mutation } from './mutation.ts';

/** Seconds for what a mutation prevents. */
const IN_VAIN = 2;
const MOST_TRIES = 3;

export function describeMutations(mutations: Mutations): void {
  describeJudged('the judge', 'notices a card that is wrong', {}, (bench) => {
    beforeAll(async () => {
      await isProbed(bench);
      await hasLink(bench);
    });

    for (const [part, ofPart] of Object.entries(mutations)) {
      describe(part, () => {
        for (const [i, mutation] of ofPart.entries()) {
          it(`${mutation.name} (${mutation.section})`, async () => {
            await isNoticed(bench, mutation);
            if (!sameChecks(mutation, ofPart[i + 1])) await isContent(bench, mutation);
          });
        }
      });
    }
  });
}

/** With the rule off, each check that is to notice it fails. */
async function isNoticed(bench: Bench, { breaks, setup = false, saying, caughtBy }: Mutation): Promise<void> {
  const mend = breaks(bench.nic());
  try {
    if (setup) await beginAnew(bench);
    await setPatience(bench, IN_VAIN);
    for (const check of caughtBy) {
      await expect(check(bench), check.name).rejects.toThrow(saying);
      await tidy(bench);
    }
  } finally {
    mend();
    await setPatience(bench, PATIENCE);
    if (setup) await beginAnew(bench);
    else await restore(bench);
  }
}

/**
 * With all rules on again, they pass: once for mutations in a row that the same checks notice. With no more patience, or they
 * would have failed for the want of it.
 */
async function isContent(bench: Bench, { caughtBy }: Mutation): Promise<void> {
  await setPatience(bench, IN_VAIN);
  try {
    for (const check of caughtBy) await passes(bench, check);
  } finally {
    await setPatience(bench, PATIENCE);
  }
}

/** At one of several times: the machine may be busy with others for a moment. */
async function passes(bench: Bench, check: Check): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await check(bench);
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
      await tidy(bench);
      await restore(bench);
    }
  }
}

async function restore(bench: Bench): Promise<void> {
  if (!(await isUp(bench))) await beginAnew(bench);
}

function sameChecks({ caughtBy }: Mutation, next: Mutation | undefined): boolean {
  return caughtBy.length === next?.caughtBy.length && caughtBy.every((check, i) => check === next.caughtBy[i]);
}
