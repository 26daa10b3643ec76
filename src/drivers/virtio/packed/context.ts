/** What bursts on packed rings work on beside what all rings have (virtio 1.2, section 2.8). */
import {
  EVENT_AT_DESCRIPTOR,
  EVENT_DESCRIPTOR,
  EVENT_DISABLE,
  EVENT_FLAGS,
  EVENT_WRAP,
  PACKED_FLAG_AVAIL,
  PACKED_FLAG_USED,
  PACKED_FLAG_WRITE,
  PACKED_FLAGS_SHIFT,
  PACKED_ID_FLAGS,
  PACKED_LENGTH,
  packedLayout,
} from '../../../datasheet/virtio/packed-ring.ts';
import { type FourViews, fourViews } from '../four-views.ts';
import type { QueueInit } from '../queue-init.ts';

/**
 * What burst functions take from elsewhere, as an object because copied code cannot import. Flags stand where they stand in a
 * descriptor's last word, above the buffer id.
 */
export const PACKED_CONSTANTS = {
  LENGTH: PACKED_LENGTH,
  ID_FLAGS: PACKED_ID_FLAGS,
  ID_MASK: (1 << PACKED_FLAGS_SHIFT) - 1,
  /** AVAIL of a driver, and with it the first lap; the next lap's flags are those of this one with IN_USE inverted. */
  AVAIL: PACKED_FLAG_AVAIL << PACKED_FLAGS_SHIFT,
  /** AVAIL and USED: both set, or neither, once the device has used a descriptor. */
  IN_USE: (PACKED_FLAG_AVAIL | PACKED_FLAG_USED) << PACKED_FLAGS_SHIFT,
  WRITE: PACKED_FLAG_WRITE << PACKED_FLAGS_SHIFT,
  EVENT_DESCRIPTOR,
  EVENT_FLAGS,
  EVENT_FLAGS_MASK: 3,
  EVENT_WRAP,
  EVENT_DISABLE,
  EVENT_AT_DESCRIPTOR,
} as const;

/** Four descriptors at a time, by the place of the first: address by 2 × place, length, and id with flags, by 4 × place. */
interface FourDescriptors {
  readonly addresses: FourViews<Float64Array>;
  readonly lengths: FourViews<Int32Array>;
  readonly idFlags: FourViews<Int32Array>;
  readonly order: FourViews<Uint16Array>;
}

/** A packed ring's memory, and the driver's own record of it, which the device cannot reach. */
export interface PackedRing {
  readonly packed: typeof PACKED_CONSTANTS;
  /** The ring in words of 4 and of 8 bytes. */
  readonly descriptors: Int32Array;
  readonly descriptors64: Float64Array;
  /** Event suppression: what the driver wants to hear, and what the device does, in words of 16 bits (2.8.14). */
  readonly driverEvent: Uint16Array;
  readonly deviceEvent: Uint16Array;
  /**
   * Buffer ids in the order in which they are given to the device, and given again: those that are free follow those that
   * the device has. So they are its places for as long as the device uses buffers in order, and always with IN_ORDER.
   */
  readonly order: Uint16Array;
  readonly four: FourDescriptors;
}

export function packedRing({ memory, size }: QueueInit): PackedRing {
  const { buffer, byteOffset } = memory.bytes;
  const { descriptors, driver, device } = packedLayout(size);
  const words = new Int32Array(buffer, byteOffset + descriptors, 4 * size);
  const halves = new Float64Array(buffer, byteOffset + descriptors, 2 * size);
  const order = Uint16Array.from({ length: Math.max(size, 64) }, (_, i) => i);
  return {
    packed: PACKED_CONSTANTS,
    descriptors: words,
    descriptors64: halves,
    driverEvent: new Uint16Array(buffer, byteOffset + driver, 2),
    deviceEvent: new Uint16Array(buffer, byteOffset + device, 2),
    order,
    four: {
      addresses: fourViews(halves, 2),
      lengths: fourViews(words, 4, PACKED_LENGTH),
      idFlags: fourViews(words, 4, PACKED_ID_FLAGS),
      order: fourViews(order, 1),
    },
  };
}
