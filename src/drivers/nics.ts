/** The drivers for NICs: which of them knows a PCI device. */
import { INTEL_VENDOR_ID, ixgbeModels } from '../datasheet/ixgbe/devices.ts';
import { VIRTIO_VENDOR_ID, virtioNetModels } from '../datasheet/virtio/devices.ts';
import { IxyError } from '../errors.ts';
import type { PciDevice } from '../pci/pci-device.ts';
import { formatPciId } from '../pci/pci-ids.ts';
import { type IxgbeOptions, identifyIxgbe, openIxgbe } from './ixgbe/index.ts';
import type { NetDevice } from './net-device.ts';
import { identifyVirtio, openVirtio, type VirtioOptions } from './virtio/index.ts';

/** What both drivers take, and what the one for virtio takes beside that: the other refuses it (`ERR_ARGUMENT`). */
type NicOptions = Pick<IxgbeOptions, keyof IxgbeOptions & keyof VirtioOptions> & VirtioOptions;

export interface NicDriver {
  readonly name: 'ixgbe' | 'virtio';
  /** What people call the device; undefined if the driver does not know it. */
  model(vendorId: number, deviceId: number): string | undefined;
  /** Resets and initialises the device, which belongs to the result from now on. */
  open(device: PciDevice, options: NicOptions): Promise<NetDevice>;
}

const NIC_DRIVERS: readonly NicDriver[] = [
  {
    name: 'ixgbe',
    model: (vendorId, deviceId) => (vendorId === INTEL_VENDOR_ID ? ixgbeModels.get(deviceId)?.name : undefined),
    open: openIxgbe,
  },
  {
    name: 'virtio',
    model: (vendorId, deviceId) => (vendorId === VIRTIO_VENDOR_ID ? virtioNetModels.get(deviceId) : undefined),
    open: openVirtio,
  },
];

type Identity = Pick<PciDevice, 'address' | 'vendorId' | 'deviceId'>;

/** The driver that knows a device; undefined if none does. */
export function findNicDriver(vendorId: number, deviceId: number): NicDriver | undefined {
  return NIC_DRIVERS.find((driver) => driver.model(vendorId, deviceId) !== undefined);
}

/** The same for who needs one. Throws `ERR_DEVICE_UNSUPPORTED` with the reason why there is none. */
export function requireNicDriver(device: Identity): NicDriver {
  const driver = findNicDriver(device.vendorId, device.deviceId);
  if (driver) return driver;
  if (device.vendorId === INTEL_VENDOR_ID) identifyIxgbe(device);
  if (device.vendorId === VIRTIO_VENDOR_ID) identifyVirtio(device);
  const id = formatPciId(device.vendorId, device.deviceId);
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${device.address} (${id}) is no device that a driver here knows; 'ixy list' shows those that are`,
  );
}
