/** Telling the device of new descriptors in a packed ring, if it wants to know (virtio 1.2, section 2.8.21.3). */
import type { PackedRing } from './context.ts';

interface PackedKickContext extends PackedRing {
  /** Indices into `state`. */
  readonly constants: { readonly AVAILABLE: number; readonly AVAILABLE_WRAP: number; readonly PENDING: number };
  readonly state: Int32Array;
  readonly size: number;
  readonly eventIndex: boolean;
  /** Rings the doorbell. */
  readonly notify: () => void;
}

/** Copied for each queue (see specialise.ts): it uses its parameter only. */
export function makePackedKick(context: PackedKickContext): () => void {
  const { state: $state, deviceEvent: $deviceEvent, size, eventIndex, notify } = context;
  const { AVAILABLE, AVAILABLE_WRAP, PENDING } = context.constants;
  const { AVAIL, EVENT_DESCRIPTOR, EVENT_FLAGS, EVENT_FLAGS_MASK, EVENT_WRAP } = context.packed;
  const { EVENT_DISABLE, EVENT_AT_DESCRIPTOR } = context.packed;

  return function kick() {
    const state = $state;
    const deviceEvent = $deviceEvent;
    const pending = state[PENDING];
    // A full barrier: the device sees the descriptors before its wish is read.
    Atomics.store(state, PENDING, 0);
    const wish = deviceEvent[EVENT_FLAGS] & EVENT_FLAGS_MASK;
    if (wish === EVENT_DISABLE) return;
    if (eventIndex && wish === EVENT_AT_DESCRIPTOR) {
      const event = deviceEvent[EVENT_DESCRIPTOR];
      const thisLap = ((event & EVENT_WRAP) !== 0) === ((state[AVAILABLE_WRAP] & AVAIL) !== 0);
      const named = (event & ~EVENT_WRAP) - (thisLap ? 0 : size);
      if ((state[AVAILABLE] - 1 - named) >>> 0 >= pending) return;
    }
    notify();
  };
}
