/** From a PCI device to a virtio transport: which device is one, and which of its interfaces is used. */
import {
  VIRTIO_NET_MODERN_ID,
  VIRTIO_NET_TRANSITIONAL_ID,
  VIRTIO_VENDOR_ID,
  virtioNetModels,
} from '../../../datasheet/virtio/devices.ts';
import { IxyError } from '../../../errors.ts';
import type { PciDevice } from '../../../pci/pci-device.ts';
import { formatPciId } from '../../../pci/pci-ids.ts';
import type { VirtioTransport } from '../transport.ts';
import { findStructures } from './capabilities.ts';
import { LegacyTransport } from './legacy.ts';
import { ModernTransport } from './modern.ts';

/** What people call the device, open or not. Throws `ERR_DEVICE_UNSUPPORTED` for anything but a virtio network card. */
export function identifyVirtio(device: Pick<PciDevice, 'address' | 'vendorId' | 'deviceId'>): string {
  const { address, vendorId, deviceId } = device;
  const name = vendorId === VIRTIO_VENDOR_ID ? virtioNetModels.get(deviceId) : undefined;
  if (name !== undefined) return name;
  const id = formatPciId(vendorId, deviceId);
  const what = vendorId === VIRTIO_VENDOR_ID ? 'a virtio device, but no network card' : 'no virtio device';
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${address} (${id}) is ${what}; network cards are ` +
      `${formatPciId(VIRTIO_VENDOR_ID, VIRTIO_NET_TRANSITIONAL_ID)} and ${formatPciId(VIRTIO_VENDOR_ID, VIRTIO_NET_MODERN_ID)}`,
  );
}

/**
 * The modern interface if the device has one that is complete, else the legacy one (virtio 1.2, section 4.1.5.1.1.1);
 * `legacy` asks for the latter. The device belongs to the transport from now on, unless this throws
 * `ERR_DEVICE_UNSUPPORTED`.
 */
export function openPciTransport(device: PciDevice, legacy = false): VirtioTransport {
  identifyVirtio(device);
  const hasLegacy = device.deviceId === VIRTIO_NET_TRANSITIONAL_ID;
  if (legacy && !hasLegacy) {
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${device.address} is a modern device without the legacy interface; open it without legacy: true`,
    );
  }
  const structures = legacy ? undefined : findStructures(device);
  if (structures) return new ModernTransport(device, structures);
  if (hasLegacy) return new LegacyTransport(device);
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${device.address}: the device's capabilities point to no common configuration and no doorbells that lie within its BARs`,
  );
}
