/** Tests in a virtual machine: one boot for a group of them. */
import { beforeEach, describe } from 'vitest';
import { duringTests } from '../../support/during-tests.ts';
import { available } from '../../support/features.ts';
import { Guest } from './guest.ts';
import type { Machine } from './machine.ts';
import { missingFor } from './missing.ts';

const BOOT_TIMEOUT = 150_000;
/** Lines of the kernel's log that a failed test shows. */
const LOG_LINES = 20;

/**
 * Boots `machine` for the tests that `define` declares; `guest` is valid within them. Where something is missing they are
 * skipped with the reason printed (in CI, they fail). A test that fails shows the end of the guest's kernel log.
 */
export function describeGuest(name: string, machine: Machine, define: (guest: () => Guest) => void): void {
  describe.runIf(canBoot(name, machine))(name, () => {
    const guest = duringTests('the guest', () => Guest.boot(machine), BOOT_TIMEOUT);
    beforeEach(({ onTestFailed }) => {
      onTestFailed(async () => {
        const { stdout } = await guest().run(`dmesg | tail -n ${LOG_LINES}`);
        console.error(`end of the guest's kernel log:\n${stdout}`);
      });
    });
    define(guest);
  });
}

/** Whether nothing is missing for the machine; else the reason is printed, or thrown in CI. */
export function canBoot(name: string, machine: Machine): boolean {
  return available(`virtual machine '${name}'`, missingFor(machine));
}
