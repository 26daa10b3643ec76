/** What bursts on split rings work on beside what all rings have. */
import {
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  availableEventWord,
  USED_FLAG_NO_NOTIFY,
  USED_FLAGS,
  USED_INDEX,
  USED_RING_WORD,
  usedEventWord,
} from '../../../datasheet/virtio/split-ring.ts';
import { type FourViews, fourViews } from '../four-views.ts';
import type { SplitViews } from './views.ts';

/** What burst functions take from elsewhere, as an object because copied code cannot import. */
const SPLIT_CONSTANTS = {
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  USED_FLAGS,
  NO_NOTIFY: USED_FLAG_NO_NOTIFY,
  USED_INDEX,
  /** Word of the first used element's id; its length follows. */
  USED_ID: USED_RING_WORD,
} as const;

/** Four entries of rings at a time, by the place of the first; used elements by twice that. */
interface FourEntries {
  readonly order: FourViews<Uint16Array>;
  readonly available: FourViews<Uint16Array>;
  readonly usedIds: FourViews<Int32Array>;
  readonly usedLengths: FourViews<Int32Array>;
}

/** A split ring's memory, and the driver's own record of it, which the device cannot reach. */
export interface SplitRing extends SplitViews {
  readonly split: typeof SPLIT_CONSTANTS;
  /**
   * Descriptors in the order in which they are made available, and made available again: those that are free follow those
   * that the device has. So they are used in ring order for as long as the device does so, and always with IN_ORDER (2.7.5).
   */
  readonly order: Uint16Array;
  readonly four: FourEntries;
  /** Word of used_event in `available`, and of avail_event in `used16`. */
  readonly usedEvent: number;
  readonly availableEvent: number;
}

export function splitRing(views: SplitViews, size: number): SplitRing {
  const order = Uint16Array.from({ length: Math.max(size, 64) }, (_, i) => i);
  return {
    ...views,
    split: SPLIT_CONSTANTS,
    order,
    four: {
      order: fourViews(order, 1),
      available: fourViews(views.available.subarray(AVAILABLE_RING), 1),
      usedIds: fourViews(views.used.subarray(USED_RING_WORD), 2),
      usedLengths: fourViews(views.used.subarray(USED_RING_WORD), 2, 1),
    },
    usedEvent: usedEventWord(size),
    availableEvent: availableEventWord(size),
  };
}
