/** A PCI address: a real NIC, through the driver that knows it. */
import { openIxgbe } from '../drivers/ixgbe/index.ts';
import { allocateHugeMemory } from '../memory/huge-memory.ts';
import { openPciDevice } from '../pci/open-pci-device.ts';
import { driverOptions } from './open-options.ts';
import { PCI_SCHEME } from './port-uri.ts';
import { portScheme } from './scheme.ts';

export const pciScheme = portScheme({
  scheme: PCI_SCHEME,
  syntax: '0000:03:00.0',
  summary: 'A network card at this PCI address, which no kernel driver uses. Needs root and huge pages.',
  parameters: {},
  examples: ['0000:03:00.0', '03:00.0'],
  async open({ target, options }) {
    return openIxgbe(openPciDevice(target), { allocateMemory: allocateHugeMemory, ...driverOptions(options) });
  },
});
