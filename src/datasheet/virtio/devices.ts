/** PCI ids of virtio network devices (virtio 1.2, section 4.1.2). */

export const VIRTIO_VENDOR_ID = 0x1af4;
/** A transitional or legacy network device: which of the two, its capabilities tell. */
export const VIRTIO_NET_TRANSITIONAL_ID = 0x1000;
/** A network device without the legacy interface. */
export const VIRTIO_NET_MODERN_ID = 0x1041;
/** The device type in the subsystem id of a transitional device, and in `0x1040 + type` of a modern one (5.1.1). */
export const VIRTIO_TYPE_NET = 1;

/** What people call each kind, by PCI device id. */
export const virtioNetModels: ReadonlyMap<number, string> = new Map([
  [VIRTIO_NET_TRANSITIONAL_ID, 'virtio-net (legacy or transitional)'],
  [VIRTIO_NET_MODERN_ID, 'virtio-net'],
]);
