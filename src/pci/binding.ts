/** Who drives a PCI device: handing it from the kernel's driver to user space, and back (Linux, sysfs-bus-pci). */
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, IxyError, systemErrorCode } from '../errors.ts';
import { findNetworkDevice } from './find-device.ts';
import { interfaceUse, type NetworkState, thisMachine } from './interface-use.ts';
import { isKernelDriver, UIO_PCI_GENERIC, VFIO_PCI } from './stand-ins.ts';
import { type IommuGroup, type PciDeviceInfo, Sysfs } from './sysfs.ts';
import { type SystemControl, systemControl } from './system-control.ts';
import { otherUsers } from './vfio/group.ts';

/** To whom a device can be given; 'kernel' is whichever of its drivers knows the device. */
export const BIND_TARGETS = [VFIO_PCI, UIO_PCI_GENERIC, 'kernel'] as const;
export type BindTarget = (typeof BIND_TARGETS)[number];

export interface BindOptions {
  /** Also if the machine uses the device's interface. Default false. */
  readonly force?: boolean;
  /** A user who may use the device from now on, without root. For vfio-pci alone. */
  readonly owner?: string;
}

/** What has become of a device. */
export interface Binding {
  readonly address: string;
  readonly previousDriver: string | null;
  readonly driver: string | null;
  readonly interfaces: readonly string[];
  /** Interfaces that went with the previous driver. */
  readonly lostInterfaces: readonly string[];
  /** File of the VFIO group, if the device is bound to vfio-pci. */
  readonly groupFile: string | null;
  /** Devices that keep the group from being used: '0000:03:00.1 (bound to ixgbe)'. */
  readonly otherUsers: readonly string[];
}

/** Modules that a target needs, each with what is in /sys once it is there. */
const MODULES: Readonly<Record<BindTarget, readonly (readonly [name: string, path: string])[]>> = {
  [VFIO_PCI]: [
    [VFIO_PCI, `bus/pci/drivers/${VFIO_PCI}`],
    ['vfio_iommu_type1', 'module/vfio_iommu_type1'],
  ],
  [UIO_PCI_GENERIC]: [[UIO_PCI_GENERIC, `bus/pci/drivers/${UIO_PCI_GENERIC}`]],
  kernel: [],
};

/** An override that overrides nothing: an empty line, as an empty write would not reach the kernel. */
const NO_OVERRIDE = '\n';

export class DeviceBinder {
  readonly #sysfs: Sysfs;
  readonly #devices: string;
  readonly #control: SystemControl;
  readonly #network: NetworkState;

  /** The parameters are there for tests. */
  constructor(sysfs = new Sysfs(), devices = '/dev', control = systemControl, network = thisMachine) {
    this.#sysfs = sysfs;
    this.#devices = devices;
    this.#control = control;
    this.#network = network;
  }

  /**
   * Gives the network controller at `address` to `target`; if that fails, to whom it had before. Does nothing if `target`
   * has it already. Throws, before anything is changed, `ERR_ARGUMENT`, `ERR_DEVICE_NOT_FOUND`, `ERR_DEVICE_UNSUPPORTED`
   * (no network controller), `ERR_DEVICE_BUSY` (its interface, or it, is in use), `ERR_DMA_UNMAPPED` (VFIO without an
   * IOMMU), `ERR_PERMISSION`; and `ERR_SYSTEM` if a module is missing or the kernel refuses.
   */
  bind(address: string, target: BindTarget, options: BindOptions = {}): Binding {
    const info = findNetworkDevice(address, this.#sysfs);
    if (target === VFIO_PCI) this.#checkIommu(info);
    const owner = options.owner === undefined ? undefined : this.#ownerId(info, target, options.owner);
    if (!isBoundTo(info, target)) {
      this.#checkMayChange(info, options.force ?? false);
      for (const [name, path] of MODULES[target]) {
        if (!existsSync(this.#sysfs.under(path))) this.#control.loadModule(name);
      }
      this.#rebind(info, target);
    }
    if (owner !== undefined && info.iommuGroup) this.#giveGroup(info.iommuGroup, owner);
    return this.#describe(info);
  }

  /** Takes the device from its driver, so that none has it. Throws as `bind`. */
  unbind(address: string, options: Pick<BindOptions, 'force'> = {}): Binding {
    const info = findNetworkDevice(address, this.#sysfs);
    if (info.driver !== undefined) {
      this.#checkMayChange(info, options.force ?? false);
      this.#override(info, NO_OVERRIDE);
      this.#release(info);
    }
    return this.#describe(info);
  }

  /** Gives the device back to whom it was taken from. Throws as `bind`. */
  restore({ address, previousDriver }: Binding): Binding {
    const target = BIND_TARGETS.find((name) => name === previousDriver) ?? 'kernel';
    return previousDriver === null ? this.unbind(address) : this.bind(address, target);
  }

  #checkIommu({ address, iommuGroup }: PciDeviceInfo): void {
    if (iommuGroup || this.#isNoIommuModeOn()) return;
    throw new IxyError(
      'ERR_DMA_UNMAPPED',
      `${address} cannot be bound to ${VFIO_PCI}: no IOMMU is on; switch it on in the firmware (VT-d, AMD-Vi) and boot ` +
        `with intel_iommu=on, or use it as root: ixy bind ${address} ${UIO_PCI_GENERIC}`,
    );
  }

  #isNoIommuModeOn(): boolean {
    const path = this.#sysfs.under('module/vfio/parameters/enable_unsafe_noiommu_mode');
    return existsSync(path) && readFileSync(path, 'latin1').startsWith('Y');
  }

  #ownerId({ address, iommuGroup }: PciDeviceInfo, target: BindTarget, owner: string): number {
    if (target !== VFIO_PCI) {
      throw new IxyError('ERR_ARGUMENT', `only a device bound to ${VFIO_PCI} can have an owner; ${target} is root's`);
    }
    if (iommuGroup === undefined || existsSync(this.#noIommuFile(iommuGroup))) {
      throw new IxyError('ERR_PERMISSION', `${address} cannot have an owner: without an IOMMU, VFIO is for root alone`);
    }
    return this.#control.userId(owner);
  }

  #checkMayChange(info: PciDeviceInfo, force: boolean): void {
    if (!force) this.#checkInterfaces(info);
    this.#checkGroupClosed(info);
    this.#control.checkWritable(this.#sysfs.path(info.address, 'driver_override'));
  }

  #checkInterfaces({ address, interfaces }: PciDeviceInfo): void {
    if (this.#sysfs.hidesInterfaces(address)) {
      throw new IxyError(
        'ERR_DEVICE_BUSY',
        `${address} has an interface in another network namespace, where it may be in use; run the command in there ` +
          '(ip netns exec), or take the device away with --force',
      );
    }
    const uses = interfaces
      .map((name) => ({ name, use: interfaceUse(name, this.#sysfs, this.#network) }))
      .filter(({ use }) => use.length > 0)
      .map(({ name, use }) => `${name} carries ${use.join(', ')}`);
    if (uses.length === 0) return;
    throw new IxyError(
      'ERR_DEVICE_BUSY',
      `${address} is in use: ${uses.join('; ')}; move that to another interface first, or take it away with --force`,
    );
  }

  /** The kernel would wait, without an end, for a process that has a device of VFIO open. */
  #checkGroupClosed({ address, driver, iommuGroup }: PciDeviceInfo): void {
    if (driver !== VFIO_PCI || iommuGroup === undefined) return;
    const path = this.#groupFile(iommuGroup);
    try {
      closeSync(openSync(path, 'r+'));
    } catch (cause) {
      if (systemErrorCode(cause) !== 'EBUSY') return; // what is in the way will be in the way again
      throw new IxyError('ERR_DEVICE_BUSY', `${address}: a process has ${path} open; end it first`, { cause });
    }
  }

  #rebind(info: PciDeviceInfo, target: BindTarget): void {
    try {
      this.#override(info, target === 'kernel' ? NO_OVERRIDE : target);
      this.#release(info);
      this.#probe(info);
      if (target === 'kernel' && this.#driver(info) === undefined) {
        this.#loadKernelDriver(info);
        this.#probe(info);
      }
      if (!isBoundTo({ driver: this.#driver(info) }, target)) throw new Error('no driver took the device');
    } catch (cause) {
      const driver = this.#putBack(info);
      throw new IxyError(
        'ERR_SYSTEM',
        `${info.address} could not be bound to ${target === 'kernel' ? 'a kernel driver' : target}: ${errorMessage(cause)}; ` +
          `see dmesg; it is now bound to ${driver ?? 'nothing'}`,
        { cause },
      );
    }
  }

  /** After a failure, as far as it goes; returns who has the device then. */
  #putBack(info: PciDeviceInfo): string | undefined {
    try {
      this.#override(info, isKernelDriver(info.driver) ? NO_OVERRIDE : (info.driver ?? NO_OVERRIDE));
      if (info.driver !== undefined && this.#driver(info) === undefined) this.#probe(info);
    } catch {
      // The first failure is the one to tell of.
    }
    return this.#driver(info);
  }

  /** At boot udev loads it by the same name; it may not have been there yet, or have been removed. */
  #loadKernelDriver({ address }: PciDeviceInfo): void {
    this.#control.loadModule(readFileSync(this.#sysfs.path(address, 'modalias'), 'latin1').trim());
  }

  #driver({ address }: PciDeviceInfo): string | undefined {
    return this.#sysfs.driver(address);
  }

  #override({ address }: PciDeviceInfo, driver: string): void {
    this.#control.write(this.#sysfs.path(address, 'driver_override'), driver);
  }

  #release(info: PciDeviceInfo): void {
    if (this.#driver(info) === undefined) return;
    this.#control.write(this.#sysfs.path(info.address, 'driver/unbind'), info.address);
  }

  #probe({ address }: PciDeviceInfo): void {
    this.#control.write(this.#sysfs.under('bus/pci/drivers_probe'), address);
  }

  /** udev sets owners of new files as well, a moment after they are made. */
  #giveGroup(group: IommuGroup, owner: number): void {
    this.#control.settle();
    this.#control.giveTo(owner, this.#groupFile(group));
  }

  #groupFile(group: IommuGroup): string {
    const noIommu = this.#noIommuFile(group);
    return existsSync(noIommu) ? noIommu : join(this.#devices, 'vfio', String(group.number));
  }

  /** What VFIO calls the group if it has made it up. */
  #noIommuFile({ number }: IommuGroup): string {
    return join(this.#devices, 'vfio', `noiommu-${number}`);
  }

  #describe(before: PciDeviceInfo): Binding {
    const now = this.#sysfs.device(before.address);
    const throughVfio = now.driver === VFIO_PCI;
    return {
      address: now.address,
      previousDriver: before.driver ?? null,
      driver: now.driver ?? null,
      interfaces: now.interfaces,
      lostInterfaces: before.interfaces.filter((name) => !now.interfaces.includes(name)),
      groupFile: throughVfio && now.iommuGroup ? this.#groupFile(now.iommuGroup) : null,
      otherUsers: throughVfio ? otherUsers(now.address, this.#sysfs) : [],
    };
  }
}

function isBoundTo({ driver }: Pick<PciDeviceInfo, 'driver'>, target: BindTarget): boolean {
  return target === 'kernel' ? isKernelDriver(driver) : driver === target;
}
