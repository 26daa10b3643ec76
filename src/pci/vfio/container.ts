/**
 * The VFIO container: what groups of devices share. All of a process's groups are in one, so that memory is mapped once,
 * and a packet crosses from one NIC to another without a copy.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, IxyError, systemErrorCode } from '../../errors.ts';
import type { DmaDomain } from '../../memory/dma-memory.ts';
import { PhysicalDomain } from '../../memory/physical-domain.ts';
import { addon } from '../../native/addon.ts';
import type { PciDeviceInfo, Sysfs } from '../sysfs.ts';
import { VfioGroup } from './group.ts';
import { Type1Domain } from './type1-domain.ts';
import { VFIO } from './vfio-abi.ts';

export interface ContainerOptions {
  /** Where VFIO's files are; '/dev/vfio' but in tests. */
  readonly directory: string;
  /** Without an IOMMU: devices see physical memory, all of it. */
  readonly noIommu: boolean;
}

/** Of each kind the one with devices in it. */
const current = new Map<string, VfioContainer>();

export class VfioContainer {
  readonly #options: ContainerOptions;
  readonly #descriptor: number;
  readonly #groups = new Map<number, { readonly group: VfioGroup; users: number }>();
  #type1: Type1Domain | undefined;

  /** Joins a device's group, which stays until `leave`; opens what is not open yet. Throws what `VfioGroup` throws. */
  static join(info: PciDeviceInfo, sysfs: Sysfs, options: ContainerOptions): [VfioContainer, VfioGroup] {
    const key = `${options.directory} ${options.noIommu}`;
    const container = current.get(key) ?? new VfioContainer(options);
    try {
      const group = container.#join(info, sysfs);
      current.set(key, container);
      return [container, group];
    } finally {
      container.#closeUnlessUsed();
    }
  }

  private constructor(options: ContainerOptions) {
    this.#options = options;
    this.#descriptor = openContainer(join(options.directory, 'vfio'));
    try {
      this.#checkAbilities();
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  get domain(): DmaDomain {
    return this.#type1 ?? PhysicalDomain.shared;
  }

  /** Takes back one `join`; with the last one of all, memory is unmapped and the container closed. */
  leave(group: VfioGroup): void {
    const entry = this.#groups.get(group.number);
    if (!entry || --entry.users > 0) return;
    this.#groups.delete(group.number);
    group.close();
    this.#closeUnlessUsed();
  }

  #join(info: PciDeviceInfo, sysfs: Sysfs): VfioGroup {
    const number = info.iommuGroup?.number ?? -1;
    const known = this.#groups.get(number);
    if (known) {
      known.users++;
      return known.group;
    }
    const { directory, noIommu } = this.#options;
    const group = new VfioGroup(number, join(directory, noIommu ? `noiommu-${number}` : `${number}`), info, sysfs);
    try {
      this.#attach(group);
    } catch (error) {
      group.close();
      throw error instanceof IxyError
        ? error
        : new IxyError('ERR_SYSTEM', `${info.address}: IOMMU group ${number} cannot be used: ${errorMessage(error)}`, {
            cause: error,
          });
    }
    this.#groups.set(number, { group, users: 1 });
    return group;
  }

  #attach(group: VfioGroup): void {
    group.setContainer(this.#descriptor);
    const { noIommu } = this.#options;
    // A container has no IOMMU to set before its first group.
    if (this.#groups.size === 0) addon().ioctl(this.#descriptor, VFIO.SET_IOMMU, iommuType(noIommu));
    if (noIommu) return;
    if (this.#type1) this.#type1.refresh();
    else this.#type1 = new Type1Domain(this.#descriptor);
  }

  #checkAbilities(): void {
    const version = addon().ioctl(this.#descriptor, VFIO.GET_API_VERSION);
    if (version !== VFIO.API_VERSION) {
      throw new IxyError('ERR_SYSTEM', `VFIO's interface must be of version ${VFIO.API_VERSION}, found ${version}`);
    }
    const { noIommu } = this.#options;
    if (addon().ioctl(this.#descriptor, VFIO.CHECK_EXTENSION, iommuType(noIommu)) > 0) return;
    throw new IxyError(
      'ERR_SYSTEM',
      noIommu
        ? 'VFIO does without an IOMMU only after: echo 1 | sudo tee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode'
        : 'VFIO has no IOMMU driver of type 1 (version 2); run: sudo modprobe vfio_iommu_type1',
    );
  }

  #closeUnlessUsed(): void {
    if (this.#groups.size > 0) return;
    this.#type1?.end();
    closeSync(this.#descriptor);
    for (const [key, container] of current) if (container === this) current.delete(key);
  }
}

function iommuType(noIommu: boolean): number {
  return noIommu ? VFIO.NOIOMMU_IOMMU : VFIO.TYPE1v2_IOMMU;
}

function openContainer(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV') {
      throw new IxyError('ERR_SYSTEM', `${path} cannot be opened: VFIO is not there; run: sudo modprobe vfio-pci`, {
        cause: error,
      });
    }
    if (code === 'EACCES') {
      throw new IxyError('ERR_PERMISSION', `may not open ${path}; run: sudo chmod 666 ${path}`, { cause: error });
    }
    throw new IxyError('ERR_SYSTEM', errorMessage(error), { cause: error });
  }
}
