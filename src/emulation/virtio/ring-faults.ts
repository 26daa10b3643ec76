/** How the device's side of a virtqueue can misbehave, a part of the device's own faults; with each kind, the event that it counts. */
import type { Fault } from '../faults.ts';

export type RingFault = Fault &
  (
    | { readonly kind: 'used-length-too-long'; readonly excess?: number } // event: a buffer used. Default: 1 byte too many
    | { readonly kind: 'used-id-out-of-range'; readonly id?: number } // event: a buffer used. Default: the queue's size
    | { readonly kind: 'used-id-twice' } // event: a buffer used. It is given back under the id of the one before it
    | { readonly kind: 'used-index-jump'; readonly by?: number } // event: a burst published. Default: the queue's size + 1
    | { readonly kind: 'ring-garbage'; readonly seed: number } // event: a burst published. All that the device may write
  );

/** The faults of a device, which may have others as well. */
export interface RingFaults {
  readonly armed: boolean;
  strikes<Kind extends RingFault['kind']>(kind: Kind): Extract<RingFault, { kind: Kind }> | undefined;
}
