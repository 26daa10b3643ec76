/** virtio over PCI (virtio 1.2, section 4.1): capabilities, the common configuration, and the legacy registers. */

/** Id of vendor-specific capabilities in PCI configuration space. */
export const PCI_CAPABILITY_VENDOR = 0x09;
/** Least bytes of a virtio capability; a notify capability has 4 more (4.1.4). */
export const CAPABILITY_BYTES = 16;
export const NOTIFY_CAPABILITY_BYTES = 20;

/** Byte offsets within a virtio capability (4.1.4). */
export const CAPABILITY = {
  vendor: 0,
  next: 1,
  length: 2,
  type: 3,
  bar: 4,
  id: 5,
  offset: 8,
  size: 12,
  multiplier: 16,
};

/** Structures that capabilities point to (`cfg_type`, 4.1.4). */
export const CAPABILITY_COMMON = 1;
export const CAPABILITY_NOTIFY = 2;
export const CAPABILITY_ISR = 3;
export const CAPABILITY_DEVICE = 4;
export const CAPABILITY_PCI = 5;

/** Byte offsets and sizes of the common configuration's fields (4.1.4.3). 64-bit ones are two 32-bit halves, low first. */
export const COMMON = {
  DEVICE_FEATURE_SELECT: 0x00, // 32 bits
  DEVICE_FEATURE: 0x04, // 32
  DRIVER_FEATURE_SELECT: 0x08, // 32
  DRIVER_FEATURE: 0x0c, // 32
  CONFIG_MSIX_VECTOR: 0x10, // 16
  NUM_QUEUES: 0x12, // 16
  DEVICE_STATUS: 0x14, // 8
  CONFIG_GENERATION: 0x15, // 8
  QUEUE_SELECT: 0x16, // 16
  QUEUE_SIZE: 0x18, // 16
  QUEUE_MSIX_VECTOR: 0x1a, // 16
  QUEUE_ENABLE: 0x1c, // 16
  QUEUE_NOTIFY_OFF: 0x1e, // 16
  QUEUE_DESC: 0x20, // 64
  QUEUE_DRIVER: 0x28, // 64
  QUEUE_DEVICE: 0x30, // 64
  QUEUE_RESET: 0x3a, // 16, with RING_RESET
} as const;
/** Least bytes of it, and what it has with all fields. */
export const COMMON_BYTES = 0x38;
export const COMMON_ALL_BYTES = 0x3c;

/** Byte offsets of the legacy registers in BAR 0 (4.1.4.10). The two vectors are there only while MSI-X is enabled. */
export const LEGACY = {
  DEVICE_FEATURES: 0x00, // 32 bits
  DRIVER_FEATURES: 0x04, // 32
  QUEUE_ADDRESS: 0x08, // 32, in pages of 4096 bytes
  QUEUE_SIZE: 0x0c, // 16
  QUEUE_SELECT: 0x0e, // 16
  QUEUE_NOTIFY: 0x10, // 16
  DEVICE_STATUS: 0x12, // 8
  ISR_STATUS: 0x13, // 8
  CONFIG_MSIX_VECTOR: 0x14, // 16
  QUEUE_MSIX_VECTOR: 0x16, // 16
} as const;
/** Where the device's own configuration begins, without MSI-X and with it. */
export const LEGACY_CONFIG = 0x14;
export const LEGACY_CONFIG_MSIX = 0x18;
/** Unit of QUEUE_ADDRESS, and alignment of the used ring in a legacy queue (2.7.2). */
export const LEGACY_PAGE = 4096;

/** ISR status: reading it clears it and withdraws INTx (4.1.4.5). */
export const ISR_QUEUE = 1;
export const ISR_CONFIG = 2;
/** A vector number that means none; what a device answers when it could not allocate one (4.1.5.1.2). */
export const NO_VECTOR = 0xffff;
