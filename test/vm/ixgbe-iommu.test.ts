/** The ixgbe driver behind an IOMMU: through VFIO, as a user without privileges, on 82599s that judge it. */
import { afterEach, beforeAll, expect } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { HUGE_PAGES, SERVED } from './pairs.ts';
import { testBringUp, testTaking } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testJumbo } from './suites/frames.ts';
import { testAdaptive, testMultiqueue } from './suites/modes.ts';
import { testReception } from './suites/reception.ts';
import { testSpeed } from './suites/speed.ts';
import { testTraffic } from './suites/traffic.ts';

const path = ACCESS_PATHS.vfio;
const [nic] = SERVED;

describeGuest('ixgbe with an IOMMU', { nics: SERVED, hugePages: HUGE_PAGES, ...path.machine }, (guest) => {
  testTaking(guest, path, nic);
  beforeAll(() => takeOver(guest(), path, ...SERVED));
  afterEach(() => {
    for (const nic of SERVED) {
      const { model } = guest().served.get(nic).device;
      const { violations, dmaFaults } = model;
      model.clearViolations();
      expect({ violations, dmaFaults }).toEqual({ violations: [], dmaFaults: 0 });
    }
  });
  testBringUp(guest, path, nic);
  testTraffic(guest, path, SERVED, 20_000);
  testReception(guest, path, nic);
  testJumbo(guest, path, SERVED);
  testAdaptive(guest, path, SERVED);
  testMultiqueue(guest, path, SERVED);
  testForwarderEnds(guest, path, SERVED);
  testSpeed(guest, path, { ixgbe: SERVED });
});
