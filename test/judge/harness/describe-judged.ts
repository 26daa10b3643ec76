/** Tests of the emulated 82599 in a virtual machine: one NIC and one boot for a group of them. */
import { describe } from 'vitest';
import { duringTests } from '../../support/during-tests.ts';
import { haveTap } from '../../support/tap.ts';
import { describeGuest } from '../../vm/harness/describe-guest.ts';
import type { Machine } from '../../vm/harness/machine.ts';
import type { Bench } from './bench.ts';
import { JUDGED, JudgedNic } from './judged-nic.ts';

/**
 * Serves the NIC to a machine, which has what `machine` says besides, for the tests that `define` declares in a group `name`
 * of the group `subject`. Skipped as `describeGuest`'s tests are, and where there can be no TAP interface.
 */
export function describeJudged(
  subject: string,
  name: string,
  machine: Partial<Machine>,
  define: (bench: Bench) => void,
): void {
  describe.runIf(haveTap)(subject, () => {
    const nic = duringTests('the NIC', () => JudgedNic.start());
    describeGuest(name, { nics: [], served: [JUDGED], ...machine }, (guest) => define({ guest, nic }));
  });
}
