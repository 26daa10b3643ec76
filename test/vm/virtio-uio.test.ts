/** The virtio driver on a machine without an IOMMU, through UIO. */
import { beforeAll, describe } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { testBringUp, testTaking } from './suites/virtio-bringup.ts';
import { testVirtioEnds } from './suites/virtio-ends.ts';
import { testAdaptive } from './suites/virtio-modes.ts';
import { testReception } from './suites/virtio-reception.ts';
import { testTraffic } from './suites/virtio-traffic.ts';
import { chosen, HUGE_PAGES, PAIRS } from './virtio-machines.ts';

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
    testVirtioEnds(guest, uio, packed);
  });
});
