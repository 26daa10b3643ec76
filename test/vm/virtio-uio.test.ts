/** The virtio driver on a machine without an IOMMU, through UIO. */
import { beforeAll, describe } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { chosen, HUGE_PAGES, PAIRS } from './pairs.ts';
import { testBringUp, testTaking } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testAdaptive } from './suites/modes.ts';
import { testReception } from './suites/reception.ts';
import { testTraffic } from './suites/traffic.ts';

const { uio } = ACCESS_PATHS;
const { legacy, modern, packed } = PAIRS;
const NICS = [...legacy, modern[0], ...packed];

describeGuest('virtio through UIO', { nics: NICS, hugePages: HUGE_PAGES }, (guest) => {
  testTaking(guest, uio, modern[0]);

  describe.each(chosen({ legacy, packed }, []))('%s', (_name, pair) => {
    beforeAll(() => takeOver(guest(), uio, ...pair));
    testBringUp(guest, uio, pair[0]);
    testTraffic(guest, uio, pair, 20_000);
    testReception(guest, uio, pair[0]);
    testAdaptive(guest, uio, pair);
  });

  describe('in the midst of traffic', () => {
    beforeAll(() => takeOver(guest(), uio, ...packed));
    testForwarderEnds(guest, uio, packed);
  });
});
