/** How an emulated 82599 can misbehave; with each kind, the event that it counts. */
import type { Fault, Faults } from '../faults.ts';

export type IxgbeFault = Fault &
  (
    | { readonly kind: 'stuck-reset' } // event: a reset. RST never clears
    | { readonly kind: 'slow-reset'; readonly nanoseconds: number } // event: a reset
    | { readonly kind: 'link-flap'; readonly nanoseconds: number } // event: a frame received or sent, or LINKS read
    | { readonly kind: 'tx-stall' } // event: a frame to be sent. Nothing leaves or completes while it strikes
    | { readonly kind: 'rx-missing-eop' } // event: a frame received. DD without EOP in its last descriptor
    | { readonly kind: 'rx-wrong-length'; readonly length: number } // event: a frame received
    | { readonly kind: 'removal' } // event: a register access. Reads give all ones, and DMA stops
    | { readonly kind: 'eeprom-checksum' } // event: a read of the EEPROM's checksum word
  );

export type IxgbeFaults = Faults<IxgbeFault>;
