/** VFIO on a machine without an IOMMU: its interrupts, but physical memory. */
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { MACHINE } from './machines.ts';
import { testDevices } from './suites/devices.ts';
import { testDma } from './suites/dma.ts';
import { testEnds } from './suites/ends.ts';

const path = ACCESS_PATHS.vfioNoIommu;

describeGuest('VFIO without an IOMMU', { ...MACHINE, ...path.machine }, (guest) => {
  testDevices(guest, path);
  testDma(guest, path);
  testEnds(guest, path);
});
