/** What scripts/vm-setup.sh has got for the machine, and what is missing. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';

/** The working tree, which is at the same place in the guest. */
export const PROJECT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const CACHE = `${PROJECT}/build-vm`;
const GUEST = `${PROJECT}/test/vm/harness/guest`;

export const QEMU = process.env.IXY_QEMU ?? 'qemu-system-x86_64';
export const KERNEL = `${CACHE}/kernel`;
export const INITRD = `${CACHE}/initrd.cpio`;
export const AGENT = `${GUEST}/agent.sh`;
/** VFIO modules with no-IOMMU mode, made by `scripts/vm-setup.sh --noiommu`. */
export const NO_IOMMU_MODULES = `${CACHE}/noiommu`;

const RUN_SETUP = 'run: scripts/vm-setup.sh';

/** What keeps this machine from being booted, and the command that helps; undefined if nothing does. */
export function missingFor(machine: Machine): string | undefined {
  if (spawnSync(QEMU, ['--version']).error) return `${QEMU} is not installed; ${RUN_SETUP}`;
  if (!existsSync(KERNEL)) return `no kernel was unpacked; ${RUN_SETUP}`;
  if (!existsSync(INITRD) || statSync(INITRD).mtimeMs < statSync(`${GUEST}/init.sh`).mtimeMs) {
    return `the initial RAM disk is out of date; ${RUN_SETUP}`;
  }
  if (machine.noIommuMode && !existsSync(NO_IOMMU_MODULES)) {
    return 'VFIO modules with no-IOMMU mode were not built; run: scripts/vm-setup.sh --noiommu';
  }
  if (!existsSync(`${PROJECT}/dist/index.js`)) return 'ixy.ts is not built; run: npm run build';
  return undefined;
}

/** Release of the guest's kernel: '6.1.0-1-amd64'. */
export function kernelRelease(): string {
  return readFileSync(`${KERNEL}/release`, 'utf8').trim();
}
