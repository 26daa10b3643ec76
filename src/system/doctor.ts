/** Everything that a run needs, looked at in turn: `ixy doctor`. Changes nothing. */
import type { Check } from './check.ts';
import { hugePages, iommu, lockableMemory, vfioGroups, vfioModules } from './device-checks.ts';
import { Machine } from './machine.ts';
import { governor, isolatedCores, nativeAddon, nodeVersion, programs, tap, user } from './software-checks.ts';

const CHECKS: readonly ((machine: Machine) => Check)[] = [
  nodeVersion,
  nativeAddon,
  user,
  iommu,
  vfioModules,
  vfioGroups,
  hugePages,
  lockableMemory,
  isolatedCores,
  governor,
  tap,
  programs,
];

export function examine(machine = new Machine()): Check[] {
  return CHECKS.map((check) => check(machine));
}
