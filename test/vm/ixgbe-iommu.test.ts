/** The ixgbe driver behind an IOMMU: through VFIO, as a user without privileges, on 82599s of ours that judge it. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { HUGE_PAGES, QUICK, SERVED } from './pairs.ts';
import { testInformation, testReopening, testTaking } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testJumbo } from './suites/frames.ts';
import { testAdaptive } from './suites/modes.ts';
import { testReception } from './suites/reception.ts';
import { testSpeed } from './suites/speed.ts';
import { testTraffic } from './suites/traffic.ts';
import { testVectors } from './suites/vectors.ts';
import { testCores, testWorkers } from './suites/workers.ts';

const path = ACCESS_PATHS.vfio;
const [nic] = SERVED;

describeGuest('ixgbe with an IOMMU', { nics: SERVED, hugePages: HUGE_PAGES, ...path.machine }, (guest) => {
  testTaking(guest, path, nic);

  describe('keeps to the rules', () => {
    beforeAll(async () => {
      await takeOver(guest(), path, ...SERVED);
      guest().served.brokenRules(); // those that the kernel's driver does not keep to
    });
    afterEach(() => expect(guest().served.brokenRules()).toEqual([]));

    testInformation(guest, path, nic);
    testTraffic(guest, path, SERVED, 20_000);
    testVectors(guest, path, nic);
    testWorkers(guest, path, nic);
    describe.skipIf(QUICK)('and', () => {
      testReopening(guest, path, nic);
      testReception(guest, path, nic);
      testJumbo(guest, path, SERVED);
      testAdaptive(guest, path, SERVED);
      testCores(guest, path, SERVED);
      testSpeed(guest, path, { ixgbe: SERVED });
    });
  });

  testForwarderEnds(guest, path, SERVED, ['kill -TERM']);

  it('asks the server for nothing that is refused', () => {
    expect(guest().served.log).toEqual(SERVED.map(() => expect.stringContaining('a client has come')));
  });
});
