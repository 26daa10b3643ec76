/** Tests in a virtual machine: one boot for a group of them. */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
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
    let booted: Guest | undefined;
    beforeAll(async () => {
      booted = await Guest.boot(machine);
    }, BOOT_TIMEOUT);
    afterAll(() => booted?.close());
    const guest = (): Guest => {
      if (!booted) throw new Error('the guest is up only while its tests run');
      return booted;
    };
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
