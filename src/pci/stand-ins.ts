/** Kernel drivers that do nothing with a device themselves, but keep the others off it, for user space. */

/** Hands a device to VFIO. */
export const VFIO_PCI = 'vfio-pci';
/** Hands its interrupt to UIO. */
export const UIO_PCI_GENERIC = 'uio_pci_generic';

/** Drivers under which a device's registers are reached through sysfs. */
const SYSFS_STAND_INS: readonly string[] = [UIO_PCI_GENERIC, 'pci-stub'];

/** Whether `driver` makes something of the device: an interface, say. */
export function isKernelDriver(driver: string | undefined): driver is string {
  return driver !== undefined && driver !== VFIO_PCI && !SYSFS_STAND_INS.includes(driver);
}
