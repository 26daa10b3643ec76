/** PCI configuration space of a virtio-net device (virtio 1.2, sections 4.1.2 and 4.1.4), and what lies in its BARs. */
import {
  VIRTIO_NET_MODERN_ID,
  VIRTIO_NET_TRANSITIONAL_ID,
  VIRTIO_TYPE_NET,
  VIRTIO_VENDOR_ID,
} from '../../../datasheet/virtio/devices.ts';
import { NET_CONFIG_BYTES } from '../../../datasheet/virtio/net.ts';
import {
  CAPABILITY,
  CAPABILITY_BYTES,
  CAPABILITY_COMMON,
  CAPABILITY_DEVICE,
  CAPABILITY_ISR,
  CAPABILITY_NOTIFY,
  CAPABILITY_PCI,
  COMMON_ALL_BYTES,
  NOTIFY_CAPABILITY_BYTES,
  PCI_CAPABILITY_VENDOR,
} from '../../../datasheet/virtio/pci.ts';
import { CLASS_ETHERNET, ConfigBuilder } from '../../config-builder.ts';
import type { ConfigSpace } from '../../config-space.ts';
import type { MsixCapability } from '../../msix-capability.ts';
import type { VirtioKind } from '../options.ts';

export const PCI_STATUS = 0x06;
/** The interrupt line is asserted, or would be if the command register let it (PCI 3.0, section 6.2.3). */
export const STATUS_INTERRUPT = 1 << 3;
export const FIRST_CAPABILITY = 0x34;

/** BARs: ports of the legacy interface, the MSI-X table, and the structures of the modern interface. */
export const LEGACY_BAR = 0;
export const LEGACY_BAR_SIZE = 64;
export const MSIX_BAR = 1;
export const MODERN_BAR = 4;
export const MODERN_BAR_SIZE = 0x4000;

/** A structure in the modern BAR: where it begins, and its bytes. */
export interface Structure {
  readonly offset: number;
  readonly size: number;
}

/** Each queue has a notification address of its own. */
export const STRUCTURES = {
  common: { offset: 0x0000, size: COMMON_ALL_BYTES },
  isr: { offset: 0x1000, size: 1 },
  device: { offset: 0x2000, size: NET_CONFIG_BYTES },
  notify: { offset: 0x3000, size: 0x1000 },
} as const satisfies Readonly<Record<string, Structure>>;
export const NOTIFY_MULTIPLIER = 4;

/** Where the capabilities lie. */
const MSIX_AT = 0x40;
export const VIRTIO_CAPABILITIES = { common: 0x50, notify: 0x60, isr: 0x74, device: 0x84, window: 0x94 } as const;
/** The window's data, behind the rest of its capability (4.1.4.9). */
export const WINDOW_DATA = VIRTIO_CAPABILITIES.window + CAPABILITY_BYTES;

/** The MSI-X capability and the bytes of its BAR, for `vectors` vectors. */
export function msixLayout(vectors: number): MsixCapability & { readonly barSize: number } {
  const half = Math.max(0x800, 2 ** Math.ceil(Math.log2(16 * vectors)));
  return { control: MSIX_AT + 2, vectors, bar: MSIX_BAR, table: 0, pending: half, barSize: 2 * half };
}

/** `vectors`: 0 for a device without MSI-X. */
export function virtioConfigSpace(kind: VirtioKind, vectors: number): ConfigSpace {
  const modern = kind === 'modern';
  const builder = new ConfigBuilder(256, {
    vendorId: VIRTIO_VENDOR_ID,
    deviceId: modern ? VIRTIO_NET_MODERN_ID : VIRTIO_NET_TRANSITIONAL_ID,
    revision: modern ? 1 : 0,
    classCode: CLASS_ETHERNET,
    subsystemVendorId: VIRTIO_VENDOR_ID,
    subsystemId: modern ? VIRTIO_NET_MODERN_ID : VIRTIO_TYPE_NET,
  });
  if (!modern) builder.bar(LEGACY_BAR, 'ports', LEGACY_BAR_SIZE);
  if (vectors > 0) {
    const layout = msixLayout(vectors);
    builder.bar(MSIX_BAR, 'memory32', layout.barSize);
    builder.msixCapability(layout);
  }
  if (kind !== 'legacy') addStructures(builder);
  return builder.build();
}

function addStructures(builder: ConfigBuilder): void {
  builder.bar(MODERN_BAR, 'prefetchable64', MODERN_BAR_SIZE);
  const { content, writable } = builder;
  const { common, notify, isr, device, window } = VIRTIO_CAPABILITIES;
  const structure = (at: number, type: number, bytes: number, { offset, size }: Structure): void => {
    builder.capability(at, PCI_CAPABILITY_VENDOR);
    content.setUint8(at + CAPABILITY.length, bytes);
    content.setUint8(at + CAPABILITY.type, type);
    content.setUint8(at + CAPABILITY.bar, size > 0 ? MODERN_BAR : 0);
    content.setUint32(at + CAPABILITY.offset, offset, true);
    content.setUint32(at + CAPABILITY.size, size, true);
  };
  structure(common, CAPABILITY_COMMON, CAPABILITY_BYTES, STRUCTURES.common);
  structure(notify, CAPABILITY_NOTIFY, NOTIFY_CAPABILITY_BYTES, STRUCTURES.notify);
  content.setUint32(notify + CAPABILITY.multiplier, NOTIFY_MULTIPLIER, true);
  structure(isr, CAPABILITY_ISR, CAPABILITY_BYTES, STRUCTURES.isr);
  structure(device, CAPABILITY_DEVICE, CAPABILITY_BYTES, STRUCTURES.device);
  structure(window, CAPABILITY_PCI, CAPABILITY_BYTES + 4, { offset: 0, size: 0 });
  writable.setUint8(window + CAPABILITY.bar, 0xff);
  writable.setUint32(window + CAPABILITY.offset, 0xffff_ffff, true);
  writable.setUint32(window + CAPABILITY.size, 0xffff_ffff, true);
  writable.setUint32(WINDOW_DATA, 0xffff_ffff, true);
}
