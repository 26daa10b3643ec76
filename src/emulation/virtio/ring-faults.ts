/**
 * How the device's side of a virtqueue can misbehave, a part of the device's own faults; with each kind, the event that it
 * counts.
 */
import type { Fault } from '../faults.ts';

export type RingFault = Fault &
  // More bytes than the buffer has, 1 by default. Event: a buffer used.
  (
    | { readonly kind: 'used-length-too-long'; readonly excess?: number }
    // An id that no buffer has: by default the queue's size. Event: a buffer used.
    | { readonly kind: 'used-id-out-of-range'; readonly id?: number }
    // The id of the buffer before it. Event: a buffer used.
    | { readonly kind: 'used-id-twice' }
    // Ahead of what was used, by default further than any ring goes. Event: a burst published.
    | { readonly kind: 'used-index-jump'; readonly by?: number }
    // All that the device may write in the queue; then an interrupt, and the queue does no more. Event: a step.
    | { readonly kind: 'ring-garbage'; readonly seed: number }
  );

/** The faults of a device, which may have others as well. */
export interface RingFaults {
  readonly armed: boolean;
  strikes<Kind extends RingFault['kind']>(kind: Kind): Extract<RingFault, { kind: Kind }> | undefined;
}
