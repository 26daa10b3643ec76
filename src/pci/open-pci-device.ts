/** From a PCI address to a device: which way of access it takes, and why one must not be touched. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { IxyError } from '../errors.ts';
import { findNetworkDevice } from './find-device.ts';
import type { PciDevice } from './pci-device.ts';
import { isKernelDriver, UIO_PCI_GENERIC, VFIO_PCI } from './stand-ins.ts';
import { type PciDeviceInfo, Sysfs } from './sysfs.ts';
import { SysfsDevice } from './sysfs-device.ts';
import { VfioDevice } from './vfio/device.ts';

export interface OpenPciOptions {
  /**
   * Without an IOMMU: let a device that vfio-pci has do DMA all the same, to physical addresses, anywhere. A bug in a driver
   * may then overwrite any memory of the machine. Default false.
   */
  readonly unsafeNoIommu?: boolean;
  /** For tests. */
  readonly sysfs?: Sysfs;
  readonly devices?: string;
}

/**
 * Opens the network controller at `address` ('0000:03:00.0' or '03:00.0'); the caller closes it. A device that is bound to
 * vfio-pci is reached through VFIO, any other that no kernel driver uses through sysfs.
 *
 * Throws `ERR_ARGUMENT` for what is no PCI address, `ERR_DEVICE_NOT_FOUND`, `ERR_DEVICE_UNSUPPORTED` if it is no network
 * controller, `ERR_DEVICE_BUSY` if a kernel driver or another process has it, `ERR_DMA_UNMAPPED` if an IOMMU would stop
 * its DMA or if one is missing, `ERR_PERMISSION`, and `ERR_DEVICE_GONE` if it does not answer.
 */
export function openPciDevice(address: string, options: OpenPciOptions = {}): PciDevice {
  const { sysfs = new Sysfs(), devices = '/dev', unsafeNoIommu = false } = options;
  const info = findNetworkDevice(address, sysfs);
  if (info.driver === VFIO_PCI) return openThroughVfio(info, sysfs, devices, unsafeNoIommu);
  const obstacle = accessObstacle(info);
  if (obstacle) throw obstacle;
  return new SysfsDevice(info, sysfs, devices);
}

function openThroughVfio(info: PciDeviceInfo, sysfs: Sysfs, devices: string, unsafe: boolean): PciDevice {
  const noIommu = lacksIommu(info, devices);
  if (noIommu) {
    if (!unsafe || info.iommuGroup === undefined) throw missingIommu(info);
    process.emitWarning(
      `${info.address} is used through VFIO without an IOMMU: it can read and write all memory of this machine`,
      { code: 'IXY_NO_IOMMU' },
    );
  }
  return VfioDevice.open(info, sysfs, { directory: join(devices, 'vfio'), noIommu });
}

/** Why the device must not be touched as it is now, with the command that changes it; undefined if nothing is in the way. */
export function accessObstacle(info: PciDeviceInfo, devices = '/dev'): IxyError | undefined {
  if (info.driver === VFIO_PCI) return lacksIommu(info, devices) ? missingIommu(info) : undefined;
  return driverObstacle(info) ?? iommuObstacle(info);
}

/** Whether a device that VFIO has is without an IOMMU: its group is then one that VFIO made up. */
function lacksIommu({ iommuGroup }: PciDeviceInfo, devices: string): boolean {
  return iommuGroup === undefined || existsSync(join(devices, 'vfio', `noiommu-${iommuGroup.number}`));
}

function missingIommu({ address, iommuGroup }: PciDeviceInfo): IxyError {
  const ways = [
    'switch it on in the firmware (VT-d, AMD-Vi) and boot with intel_iommu=on',
    ...(iommuGroup
      ? ['accept that the device can reach all memory (unsafeNoIommu; ?noiommu=1 behind the address)']
      : []),
  ];
  return new IxyError('ERR_DMA_UNMAPPED', `${address} is bound to vfio-pci, but no IOMMU is on; ${ways.join(', or ')}`);
}

function driverObstacle({ address, driver, interfaces, iommuGroup }: PciDeviceInfo): IxyError | undefined {
  if (!isKernelDriver(driver)) return undefined;
  const loss = interfaces.length > 0 ? ` (the system loses ${interfaces.join(', ')} by that)` : '';
  const target = iommuGroup ? VFIO_PCI : UIO_PCI_GENERIC;
  return new IxyError('ERR_DEVICE_BUSY', `${address} is bound to ${driver}; run: ixy bind ${address} ${target}${loss}`);
}

/** A translating IOMMU stops physical addresses, which is all that access through sysfs knows. */
function iommuObstacle({ address, iommuGroup }: PciDeviceInfo): IxyError | undefined {
  if (iommuGroup === undefined || !iommuGroup.type.startsWith('DMA')) return undefined;
  return new IxyError(
    'ERR_DMA_UNMAPPED',
    `${address} is behind an IOMMU that stops DMA to physical addresses (group ${iommuGroup.number}, type ` +
      `${iommuGroup.type}); use it through VFIO: ixy bind ${address} vfio-pci; or give the protection up: ` +
      `echo identity | sudo tee /sys/kernel/iommu_groups/${iommuGroup.number}/type`,
  );
}
