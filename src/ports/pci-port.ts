/** A PCI address: a real NIC, through the driver that knows it. */
import { requireNicDriver } from '../drivers/nics.ts';
import { allocateHugeMemory } from '../memory/huge-memory.ts';
import { findNetworkDevice } from '../pci/find-device.ts';
import { openPciDevice } from '../pci/open-pci-device.ts';
import { driverOptions } from './open-options.ts';
import { PCI_SCHEME } from './port-uri.ts';
import { parseBoolean } from './quantities.ts';
import { portScheme } from './scheme.ts';

export const pciScheme = portScheme({
  scheme: PCI_SCHEME,
  syntax: '0000:03:00.0',
  summary:
    'A network card at this PCI address. Bound to vfio-pci, it is used behind the IOMMU and without root; bound to no driver, through sysfs, as root. Needs huge pages.',
  parameters: {
    noiommu: {
      syntax: '1|0',
      meaning: 'use it through VFIO although no IOMMU keeps it from any memory of this machine',
      default: '0',
      parse: parseBoolean,
    },
  },
  examples: ['0000:03:00.0', '03:00.0', '0000:03:00.0?noiommu=1'],
  async open({ target, values, options }) {
    // First of all: nobody shall unbind a card from the kernel's driver only to learn that there is none for it here.
    const driver = requireNicDriver(findNetworkDevice(target));
    return driver.open(openPciDevice(target, { unsafeNoIommu: values.noiommu }), {
      allocateMemory: allocateHugeMemory,
      ...driverOptions(options),
    });
  },
});
