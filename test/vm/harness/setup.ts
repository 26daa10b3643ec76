/** What scripts/vm-setup.sh has got for the machine. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The working tree, which is at the same place in the guest; this file may be compiled into a folder of it. */
export const PROJECT = packageOf(dirname(fileURLToPath(import.meta.url)));
const CACHE = `${PROJECT}/build-vm`;
const NEWER_QEMU = `${CACHE}/qemu/qemu-system-x86_64`;
export const GUEST_FILES = `${PROJECT}/test/vm/harness/guest`;

/** The one that was asked for, else the newer one, else the installed one. */
export const QEMU = process.env.IXY_QEMU ?? (existsSync(NEWER_QEMU) ? NEWER_QEMU : 'qemu-system-x86_64');
export const KERNEL = `${CACHE}/kernel`;
export const INITRD = `${CACHE}/initrd.cpio`;
export const AGENT = `${GUEST_FILES}/agent.sh`;
/** VFIO modules with no-IOMMU mode, made by `scripts/vm-setup.sh --noiommu`. */
export const NO_IOMMU_MODULES = `${CACHE}/noiommu`;

/** Release of the guest's kernel: '6.1.0-1-amd64'. */
export function kernelRelease(): string {
  return readFileSync(`${KERNEL}/release`, 'utf8').trim();
}

function packageOf(directory: string): string {
  return existsSync(`${directory}/package.json`) ? directory : packageOf(dirname(directory));
}
