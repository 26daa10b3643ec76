/** The machine that the suites run on, each in its own kind: without an IOMMU, with one, and without but with VFIO. */
import { canBoot } from './harness/describe-guest.ts';
import type { Machine } from './harness/machine.ts';
import type { Nic } from './harness/nics.ts';

/** Two NICs on one cable. */
export const LEFT = { model: 'e1000e', slot: 4, cable: 1 } as const satisfies Nic;
export const RIGHT = { model: 'e1000e', slot: 5, cable: 1 } as const satisfies Nic;
export const MODERN = { model: 'virtio-modern', slot: 6 } as const satisfies Nic;
export const LEGACY = { model: 'virtio-legacy', slot: 7 } as const satisfies Nic;
const TRANSITIONAL = { model: 'virtio-transitional', slot: 8 } as const satisfies Nic;
/** Not every QEMU has it. */
const IGB = { model: 'igb', slot: 9 } as const satisfies Nic;

/** Those of Intel that tests have registers for. */
export const INTEL: readonly Nic[] = canBoot('tests of an 82576', { nics: [IGB] }) ? [LEFT, IGB] : [LEFT];
export const NICS: readonly Nic[] = [LEFT, RIGHT, MODERN, LEGACY, TRANSITIONAL, ...INTEL.slice(1)];
export const HUGE_PAGES = 8;
export const MACHINE: Machine = { nics: NICS, hugePages: HUGE_PAGES };
