/** From a PCI address to a device: which way of access it takes, and why one must not be touched. */
import { IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';
import { formatPciAddress, parsePciAddress } from './pci-address.ts';
import type { PciDevice } from './pci-device.ts';
import { isNetworkDevice, type PciDeviceInfo, Sysfs } from './sysfs.ts';
import { SysfsDevice } from './sysfs-device.ts';

/** Drivers that keep the kernel's hands off a device and leave its registers to user space. */
const STAND_INS: readonly string[] = ['uio_pci_generic', 'pci-stub'];

/**
 * Opens the network controller at `address` ('0000:03:00.0' or '03:00.0'); the caller closes it.
 *
 * Throws `ERR_ARGUMENT` for what is no PCI address, `ERR_DEVICE_NOT_FOUND`, `ERR_DEVICE_UNSUPPORTED` if it is no network
 * controller, `ERR_DEVICE_BUSY` if a kernel driver or another process has it, `ERR_DMA_UNMAPPED` if an IOMMU would stop
 * its DMA, `ERR_PERMISSION`, and `ERR_DEVICE_GONE` if it does not answer.
 */
export function openPciDevice(address: string, sysfs = new Sysfs()): PciDevice {
  const info = findDevice(address, sysfs);
  if (!isNetworkDevice(info)) {
    const found = info.classCode.toString(16).padStart(6, '0');
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${info.address} must be a network controller (class 02xxxx), found class ${found}`,
    );
  }
  const obstacle = accessObstacle(info);
  if (obstacle) throw obstacle;
  return new SysfsDevice(info, sysfs);
}

function findDevice(address: string, sysfs: Sysfs): PciDeviceInfo {
  const parsed = parsePciAddress(address);
  if (!parsed) throw new IxyError('ERR_ARGUMENT', `'${address}' must be a PCI address such as 0000:03:00.0`);
  const name = formatPciAddress(parsed);
  if (sysfs.has(name)) return sysfs.device(name);
  const others = sysfs.networkDevices().map((info) => info.address);
  const hint =
    others.length > 0 ? `network controllers ${knownOrNear(name, others)}` : 'there is no network controller';
  throw new IxyError('ERR_DEVICE_NOT_FOUND', `${name}: no such PCI device; ${hint}`);
}

/** Why the device must not be touched as it is now, with the command that changes it; undefined if nothing is in the way. */
export function accessObstacle(info: PciDeviceInfo): IxyError | undefined {
  return driverObstacle(info) ?? iommuObstacle(info);
}

function driverObstacle({ address, driver, interfaces }: PciDeviceInfo): IxyError | undefined {
  if (driver === undefined || STAND_INS.includes(driver)) return undefined;
  const loss = interfaces.length > 0 ? ` (the system loses ${interfaces.join(', ')} by that)` : '';
  return new IxyError(
    'ERR_DEVICE_BUSY',
    `${address} is bound to ${driver}; run: echo ${address} | sudo tee /sys/bus/pci/drivers/${driver}/unbind${loss}`,
  );
}

/** A translating IOMMU stops physical addresses, which is all that access through sysfs knows. */
function iommuObstacle({ address, iommuGroup }: PciDeviceInfo): IxyError | undefined {
  if (iommuGroup === undefined || !iommuGroup.type.startsWith('DMA')) return undefined;
  return new IxyError(
    'ERR_DMA_UNMAPPED',
    `${address} is behind an IOMMU that stops DMA to physical addresses (group ${iommuGroup.number}, type ` +
      `${iommuGroup.type}); run: echo identity | sudo tee /sys/kernel/iommu_groups/${iommuGroup.number}/type, ` +
      'or boot with iommu=pt',
  );
}
