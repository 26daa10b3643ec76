/**
 * A virtqueue for one buffer at a time, which is all that commands take. Its owner rings the doorbell and asks for the
 * outcome; the device is told not to interrupt.
 */
import type { DmaBlock } from '../../../memory/dma-heap.ts';
import type { RingKind } from '../queue-init.ts';
import type { QueueAddresses } from '../transport.ts';
import { ControlPackedRing } from './packed.ts';
import { ControlSplitRing } from './split.ts';

/** A piece of a buffer: device address, bytes, and whether the device writes it. */
export interface BufferPart {
  readonly address: number;
  readonly bytes: number;
  readonly written: boolean;
}

export interface ControlRingInit {
  /** Zeroed; as many bytes as the layout of `size` descriptors takes, at a page's begin. */
  readonly memory: DmaBlock;
  /** The device's address of that memory. */
  readonly address: number;
  readonly size: number;
  /** EVENT_IDX was negotiated. */
  readonly eventIndex: boolean;
}

export interface ControlRing {
  readonly addresses: QueueAddresses;
  /** Makes a buffer of `parts` available: at most as many as the ring has descriptors, those that the device writes last. */
  submit(parts: readonly BufferPart[]): void;
  /** Whether the device has used it; a string if it broke the ring's rules instead, the end of a sentence. */
  poll(): boolean | string;
}

export function createControlRing(kind: RingKind, init: ControlRingInit): ControlRing {
  return kind === 'packed' ? new ControlPackedRing(init) : new ControlSplitRing(init);
}
