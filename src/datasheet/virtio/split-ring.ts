/**
 * Split virtqueues (virtio 1.2, section 2.7): a table of descriptors, a ring of those that the driver makes available, and
 * a ring of those that the device has used. Little-endian; "queue size" is the number of descriptors, a power of two.
 */

/** Most descriptors in a queue (2.7). */
export const SPLIT_MAXIMUM_SIZE = 32_768;

// The descriptor (2.7.5): 64-bit address, length, flags, next. Words of 32 bits.
export const SPLIT_DESCRIPTOR_BYTES = 16;
export const SPLIT_ADDRESS_LOW = 0;
export const SPLIT_ADDRESS_HIGH = 1;
export const SPLIT_LENGTH = 2;
/** Flags in the lower half, next in the upper. */
export const SPLIT_FLAGS_NEXT = 3;
export const SPLIT_NEXT_SHIFT = 16;
export const SPLIT_FLAG_NEXT = 1;
/** The device writes this buffer; without it, it reads. */
export const SPLIT_FLAG_WRITE = 2;
export const SPLIT_FLAG_INDIRECT = 4;

// The available ring (2.7.6), in words of 16 bits: flags, idx, ring[size], used_event.
export const AVAILABLE_FLAGS = 0;
export const AVAILABLE_INDEX = 1;
export const AVAILABLE_RING = 2;
export const AVAILABLE_FLAG_NO_INTERRUPT = 1;
/** Word of used_event: the index at which the driver wants an interrupt (EVENT_IDX, 2.7.7). */
export function usedEventWord(size: number): number {
  return AVAILABLE_RING + size;
}

// The used ring (2.7.8): flags and idx (16 bits), then elements of two 32-bit words, then avail_event (16 bits).
export const USED_FLAGS = 0;
export const USED_INDEX = 1;
export const USED_FLAG_NO_NOTIFY = 1;
/** First element, in words of 32 bits; id and length follow each other. */
export const USED_RING_WORD = 1;
/** Word (16 bits) of avail_event: the index at which the device wants a notification (EVENT_IDX, 2.7.10). */
export function availableEventWord(size: number): number {
  return 2 + 4 * size;
}

/** Where the parts of a queue lie, in bytes from its begin, and its whole size. */
export interface SplitLayout {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  readonly bytes: number;
}

/** The layout that legacy devices demand (2.7.2), which suits the others as well; the queue begins at `alignment`. */
export function splitLayout(size: number, alignment = 4096): SplitLayout {
  const available = SPLIT_DESCRIPTOR_BYTES * size;
  const used = Math.ceil((available + 2 * (3 + size)) / alignment) * alignment;
  return { descriptors: 0, available, used, bytes: used + 2 * 3 + 8 * size };
}

/** Whether moving the index from `before` to `after` passes `event`, so that the other side wants to hear of it (2.7.10). */
export function passesEvent(event: number, after: number, before: number): boolean {
  return ((after - event - 1) & 0xffff) < ((after - before) & 0xffff);
}
