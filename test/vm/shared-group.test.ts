/** A machine in which devices share an IOMMU group. */
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { SHARING, testSharedGroup } from './suites/shared-group.ts';

describeGuest('behind a bridge to conventional PCI', { nics: SHARING, ...ACCESS_PATHS.vfio.machine }, testSharedGroup);
