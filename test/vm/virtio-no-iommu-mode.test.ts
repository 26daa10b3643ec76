/** The virtio driver through VFIO without an IOMMU: also devices that know nothing of one. */
import { beforeAll, describe } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { testBringUp } from './suites/virtio-bringup.ts';
import { testVirtioEnds } from './suites/virtio-ends.ts';
import { testAdaptive } from './suites/virtio-modes.ts';
import { testTraffic } from './suites/virtio-traffic.ts';
import { chosen, HUGE_PAGES, PAIRS } from './virtio-machines.ts';

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
  testVirtioEnds(guest, path, legacy);
});
