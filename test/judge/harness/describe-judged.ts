/** Tests of the emulated 82599 in a virtual machine: one NIC and one boot for a group of them. */
import { describe } from 'vitest';
import { duringTests } from '../../support/during-tests.ts';
import { haveTap } from '../../support/tap.ts';
import { describeGuest } from '../../vm/harness/describe-guest.ts';
import type { Machine } from '../../vm/harness/machine.ts';
import type { Bench } from './bench.ts';
import { JUDGED_SLOT, JudgedNic } from './judged-nic.ts';

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
    const judged = {
      slot: JUDGED_SLOT,
      // It is there when the machine boots.
      get socket() {
        return nic().attached.socket;
      },
    };
    describeGuest(name, { nics: [], served: [judged], ...machine }, (guest) => define({ guest, nic }));
  });
}
