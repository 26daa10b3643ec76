/** A PCI address: a real NIC, through the driver that knows it. */
import { type NicDriver, requireNicDriver } from '../drivers/nics.ts';
import type { VirtioOptions } from '../drivers/virtio/index.ts';
import { IxyError } from '../errors.ts';
import { allocateHugeMemory } from '../memory/huge-memory.ts';
import { findNetworkDevice } from '../pci/find-device.ts';
import { openPciDevice } from '../pci/open-pci-device.ts';
import { driverOptions } from './open-options.ts';
import { given } from './optional.ts';
import type { Values } from './parameters.ts';
import { PCI_SCHEME } from './port-uri.ts';
import { oneOf, parseBoolean } from './quantities.ts';
import { portScheme } from './scheme.ts';
import { parseFeatures } from './virtio-features.ts';

/** For troubleshooting: what a program need not care about. */
export const virtioParameters = {
  ring: {
    syntax: 'split|packed',
    meaning: 'virtio: format of the rings; default: packed if the device has it, else split',
    parse: oneOf('split', 'packed'),
  },
  legacy: {
    syntax: '1|0',
    meaning: 'virtio: use the legacy interface of a device that has both; default: 0',
    parse: parseBoolean,
  },
  without: {
    syntax: 'FEATURE,…',
    meaning: 'virtio: features not to be used even if the device offers them: EVENT_IDX,MRG_RXBUF',
    parse: parseFeatures,
  },
} as const;

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
    ...virtioParameters,
  },
  examples: ['0000:03:00.0', '03:00.0', '0000:03:00.0?noiommu=1', '0000:00:04.0?ring=split&without=EVENT_IDX'],
  async open({ name, target, values: { noiommu, ...values }, options }) {
    // First of all: nobody shall unbind a card from the kernel's driver only to learn that there is none for it here.
    const driver = requireNicDriver(findNetworkDevice(target));
    const virtio = virtioOptions(name, driver.name, values);
    return driver.open(openPciDevice(target, { unsafeNoIommu: noiommu }), {
      allocateMemory: allocateHugeMemory,
      ...driverOptions(options),
      ...virtio,
    });
  },
});

/** What the URI says of a virtio device. Throws `ERR_PORT_URI` if it says something, and the device is another one. */
export function virtioOptions(
  name: string,
  driver: NicDriver['name'],
  values: Values<typeof virtioParameters>,
): Pick<VirtioOptions, 'ring' | 'legacy' | 'without'> {
  const options = given(values);
  const [first] = Object.keys(options);
  if (first === undefined || driver === 'virtio') return options;
  throw new IxyError(
    'ERR_PORT_URI',
    `port '${name}': parameter '${first}' is for virtio devices, and this one's driver is ${driver}; leave it out`,
  );
}
