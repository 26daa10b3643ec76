/** A machine without an IOMMU: devices see physical memory. */
import { describe } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { MACHINE } from './machines.ts';
import { testDevices } from './suites/devices.ts';
import { testDma } from './suites/dma.ts';
import { testEnds } from './suites/ends.ts';
import { testMemory } from './suites/memory.ts';

describeGuest('without an IOMMU', MACHINE, (guest) => {
  testMemory(guest);
  describe.each([ACCESS_PATHS.sysfs, ACCESS_PATHS.uio])('$name', (path) => {
    testDevices(guest, path);
    testDma(guest, path);
    testEnds(guest, path);
  });
});
