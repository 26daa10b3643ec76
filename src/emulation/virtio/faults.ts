/** How an emulated virtio-net device can misbehave; with each kind, the event that it counts. */
import type { Fault, Faults } from '../faults.ts';
import type { RingFault } from './ring-faults.ts';

export type VirtioNetFault =
  | RingFault
  | (Fault &
      (
        | { readonly kind: 'stuck-reset' } // event: a reset. The status never reads 0 after it
        | { readonly kind: 'features-refused' } // event: FEATURES_OK written. The bit does not stay
        | { readonly kind: 'needs-reset' } // event: a frame received or sent, or the status read while the device is live
        | { readonly kind: 'link-flap'; readonly nanoseconds: number } // event: a frame received or sent
        | { readonly kind: 'removal' } // event: a register access. Reads give all ones, and DMA stops
        | { readonly kind: 'no-vector' } // event: a vector written. The device could not allocate it
        | { readonly kind: 'config-race' } // event: a field of the device's configuration read. Something changes right then
        | { readonly kind: 'control-error' } // event: a control command. It is refused
        | { readonly kind: 'control-stall' } // event: a step with control commands to do. None is done
        // What PCI configuration space says; event: the pointer to the first capability read.
        | { readonly kind: 'capability-loop' } // the last capability is followed by the first
        | { readonly kind: 'capability-offset' } // structures lie beyond their BAR
        | { readonly kind: 'capability-bar' } // structures lie in a BAR that there is not
        | { readonly kind: 'capability-length' } // structures are empty
      ));

export type VirtioNetFaults = Faults<VirtioNetFault>;
