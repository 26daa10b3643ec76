/** The virtio driver through VFIO without an IOMMU: also devices that know nothing of one. */
import { beforeAll, describe } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { chosen, HUGE_PAGES, PAIRS } from './pairs.ts';
import { testBringUp } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testAdaptive } from './suites/modes.ts';
import { testTraffic } from './suites/traffic.ts';

const path = ACCESS_PATHS.vfioNoIommu;
const { legacy, transitional } = PAIRS;
const NICS = [legacy, transitional].flat();

describeGuest('virtio, VFIO without an IOMMU', { nics: NICS, hugePages: HUGE_PAGES, ...path.machine }, (guest) => {
  beforeAll(() => takeOver(guest(), path, ...NICS));

  describe.each(chosen({ legacy, transitional }, []))('%s', (_name, pair) => {
    testBringUp(guest, path, pair[0]);
    testTraffic(guest, path, pair, 20_000);
    testAdaptive(guest, path, pair);
  });
  testForwarderEnds(guest, path, legacy);
});
