/**
 * Packed virtqueues (virtio 1.2, section 2.8): one ring of descriptors, which the driver makes available and the device
 * overwrites once used; and an event suppression structure for either side.
 */

// The descriptor (2.8.13): 64-bit address, length, buffer id, flags. Words of 32 bits.
export const PACKED_DESCRIPTOR_BYTES = 16;
export const PACKED_ADDRESS_LOW = 0;
export const PACKED_ADDRESS_HIGH = 1;
export const PACKED_LENGTH = 2;
/** Buffer id in the lower half, flags in the upper. */
export const PACKED_ID_FLAGS = 3;
export const PACKED_FLAGS_SHIFT = 16;
export const PACKED_FLAG_NEXT = 1;
export const PACKED_FLAG_WRITE = 2;
export const PACKED_FLAG_INDIRECT = 4;
/** Available: AVAIL equals the driver's wrap counter and USED does not. Used: both equal the device's (2.8.1). */
export const PACKED_FLAG_AVAIL = 1 << 7;
export const PACKED_FLAG_USED = 1 << 15;

// Event suppression (2.8.14), in words of 16 bits: offset and wrap counter of a descriptor, then flags.
export const EVENT_BYTES = 4;
export const EVENT_DESCRIPTOR = 0;
export const EVENT_FLAGS = 1;
export const EVENT_WRAP = 1 << 15;
export const EVENT_ENABLE = 0;
export const EVENT_DISABLE = 1;
/** Only for the descriptor named; needs EVENT_IDX. */
export const EVENT_AT_DESCRIPTOR = 2;

/** Where the parts of a queue lie, in bytes from its begin, and its whole size. */
interface PackedLayout {
  readonly descriptors: number;
  /** The driver's event suppression structure. */
  readonly driver: number;
  /** The device's. */
  readonly device: number;
  readonly bytes: number;
}

/** The two structures apart from each other and from the ring, for the sake of caches; the queue begins at 64 bytes. */
export function packedLayout(size: number): PackedLayout {
  const driver = Math.ceil((PACKED_DESCRIPTOR_BYTES * size) / 64) * 64;
  return { descriptors: 0, driver, device: driver + 64, bytes: driver + 128 };
}
