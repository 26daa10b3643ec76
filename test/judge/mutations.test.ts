/** The judge is not tolerant: with one rule of the 82599 switched off at a time, its checks fail. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { haveTap } from '../support/tap.ts';
import { describeGuest } from '../vm/harness/describe-guest.ts';
import { type Bench, PATIENCE, SLOT, setPatience } from './harness/bench.ts';
import { JudgedNic } from './harness/judged-nic.ts';
import { beginAnew, isUp, tidy } from './harness/restore.ts';
import { MUTATIONS } from './mutations/index.ts';
import type { Mutation } from './mutations/mutation.ts';
import { hasLink, isProbed } from './suites/bring-up.ts';

const SOCKET = join(tmpdir(), `ixy-mutations-${process.pid}.sock`);
/** Seconds for what a mutation prevents. */
const IN_VAIN = 2;

describe.runIf(haveTap)('the judge', () => {
  let served: JudgedNic | undefined;
  beforeAll(async () => {
    served = await JudgedNic.start(SOCKET);
  });
  afterAll(() => served?.close());
  const nic = (): JudgedNic => {
    if (!served) throw new Error('the NIC is there only while its tests run');
    return served;
  };

  describeGuest('notices a card that is wrong', { nics: [], served: [{ socket: SOCKET, slot: SLOT }] }, (guest) => {
    const bench: Bench = { guest, nic };
    beforeAll(async () => {
      await isProbed(bench);
      await hasLink(bench);
    });

    for (const [part, mutations] of Object.entries(MUTATIONS)) {
      describe(part, () => {
        for (const mutation of mutations) {
          it(`${mutation.name} (${mutation.section})`, () => isNoticed(bench, mutation));
        }
      });
    }
  });
});

/** With the rule off, each check that is to notice it fails; with the rule on again, it passes. */
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
    if (setup || !(await isUp(bench))) await beginAnew(bench);
  }
  for (const check of caughtBy) await check(bench);
}
