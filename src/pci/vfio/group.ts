/** A VFIO group: the devices that the IOMMU cannot tell apart, which one user must have together. */
import { closeSync, openSync } from 'node:fs';
import { errorMessage, IxyError, systemErrorCode } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import type { PciDeviceInfo, Sysfs } from '../sysfs.ts';
import { structs, VFIO } from './vfio-abi.ts';
import { ask } from './vfio-calls.ts';

/** Drivers that a device in a group may be bound to while another one is used: they do no DMA of their own. */
const HARMLESS: readonly string[] = ['vfio-pci', 'pci-stub', 'pcieport'];

export class VfioGroup {
  readonly number: number;
  readonly #descriptor: number;
  /** Addresses of the devices that this process has open. */
  readonly #open = new Set<string>();

  /**
   * Opens the group of a device. Throws `ERR_PERMISSION`, `ERR_DEVICE_BUSY` if another process has it, or if another
   * device in it has a kernel driver, and `ERR_SYSTEM`.
   */
  constructor(number: number, path: string, info: PciDeviceInfo, sysfs: Sysfs) {
    this.number = number;
    this.#descriptor = openGroup(path, info.address);
    try {
      this.#checkViable(info.address, sysfs);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  setContainer(container: number): void {
    addon().ioctl(this.#descriptor, VFIO.GROUP_SET_CONTAINER, new Uint8Array(new Int32Array([container]).buffer));
  }

  /** A descriptor of the device; `closeDevice` takes it back. Throws `ERR_DEVICE_BUSY`, `ERR_SYSTEM`. */
  openDevice(address: string): number {
    if (this.#open.has(address)) {
      throw new IxyError('ERR_DEVICE_BUSY', `${address}: ixy.ts drives it already, in this process`);
    }
    let descriptor: number;
    try {
      descriptor = addon().ioctl(this.#descriptor, VFIO.GROUP_GET_DEVICE_FD, Buffer.from(`${address}\0`, 'latin1'));
    } catch (error) {
      throw new IxyError('ERR_SYSTEM', `${address}: VFIO gives no access: ${errorMessage(error)}; see dmesg`, {
        cause: error,
      });
    }
    this.#open.add(address);
    return descriptor;
  }

  closeDevice(address: string, descriptor: number): void {
    this.#open.delete(address);
    addon().close(descriptor);
  }

  /** Devices first. The group then leaves its container. */
  close(): void {
    closeSync(this.#descriptor);
  }

  #checkViable(address: string, sysfs: Sysfs): void {
    const { flags } = ask(this.#descriptor, VFIO.GROUP_GET_STATUS, structs.group_status).fields;
    if ((flags & VFIO.GROUP_FLAGS_VIABLE) !== 0) return;
    const names = otherUsers(address, sysfs).join(', ');
    const what = names === '' ? 'a device in it that has a kernel driver' : names;
    throw new IxyError(
      'ERR_DEVICE_BUSY',
      `${address}: IOMMU group ${this.number} is not viable: it also has ${what}; bind all its devices to vfio-pci, ` +
        'or put the card into another slot',
    );
  }
}

/** What keeps the IOMMU group of a device from being used: '0000:03:00.1 (bound to ixgbe)', …; empty if nothing does. */
export function otherUsers(address: string, sysfs: Sysfs): string[] {
  return sysfs
    .groupMembers(address)
    .filter((other) => other !== address)
    .map((other) => ({ other, driver: sysfs.driver(other) }))
    .filter(({ driver }) => driver !== undefined && !HARMLESS.includes(driver))
    .map(({ other, driver }) => `${other} (bound to ${driver})`);
}

function openGroup(path: string, address: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    switch (systemErrorCode(error)) {
      case 'EACCES':
        throw new IxyError('ERR_PERMISSION', `${address}: may not open ${path}; run: sudo chown $USER ${path}`, {
          cause: error,
        });
      case 'EPERM':
        throw new IxyError('ERR_PERMISSION', `${address}: ${path} needs CAP_SYS_RAWIO; run as root`, { cause: error });
      case 'EBUSY':
        throw new IxyError('ERR_DEVICE_BUSY', `${address}: another process has its IOMMU group open (${path})`, {
          cause: error,
        });
      default:
        throw new IxyError('ERR_SYSTEM', `${address}: ${errorMessage(error)}`, { cause: error });
    }
  }
}
