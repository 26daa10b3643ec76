/** A machine with an IOMMU: devices see what was mapped for them. */
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { MACHINE } from './machines.ts';
import { testBinding } from './suites/binding.ts';
import { testCommand } from './suites/command.ts';
import { testDevices } from './suites/devices.ts';
import { testDma } from './suites/dma.ts';
import { testEnds } from './suites/ends.ts';
import { testTools } from './suites/tools.ts';

const path = ACCESS_PATHS.vfio;

describeGuest('with an IOMMU', { ...MACHINE, ...path.machine }, (guest) => {
  testCommand(guest);
  testBinding(guest);
  testTools(guest);
  testDevices(guest, path);
  testDma(guest, path);
  testEnds(guest, path);
});
