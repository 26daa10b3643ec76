/** The ixgbe driver on a machine without an IOMMU: through sysfs, and through UIO, on 82599s of ours that judge it. */
import { afterEach, beforeAll, describe, expect } from 'vitest';
import { ACCESS_PATHS, type AccessPath } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { HUGE_PAGES, QUICK, SERVED } from './pairs.ts';
import { testBringUp } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testAdaptive } from './suites/modes.ts';
import { testServedConfig } from './suites/served-config.ts';
import { testForwarding, testTraffic } from './suites/traffic.ts';
import { testWorkers } from './suites/workers.ts';

const { sysfs, uio } = ACCESS_PATHS;
const [nic] = SERVED;
const WAYS: Record<string, AccessPath> = QUICK ? { sysfs } : { sysfs, uio };

describeGuest('ixgbe without an IOMMU', { nics: SERVED, hugePages: HUGE_PAGES }, (guest) => {
  testServedConfig(guest, nic);

  describe.each(Object.entries(WAYS))('%s', (_name, path) => {
    beforeAll(() => takeOver(guest(), path, ...SERVED));

    describe('keeps to the rules', () => {
      beforeAll(() => void guest().served.brokenRules()); // what the kernel's driver did
      afterEach(() => expect(guest().served.brokenRules()).toEqual([]));
      if (QUICK) testForwarding(guest, path, SERVED, 20_000);
      else {
        testBringUp(guest, path, nic);
        testTraffic(guest, path, SERVED, 20_000);
        if (path.interrupts) testAdaptive(guest, path, SERVED);
      }
      testWorkers(guest, path, nic);
    });

    if (!QUICK) testForwarderEnds(guest, path, SERVED);
  });
});
