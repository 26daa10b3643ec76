/** A loopback plug: what the NIC sends comes back to it, in order. Full, it makes the sender wait. */
import type { WireCounters } from './counters.ts';
import { FrameRing, type FrameRingSize } from './frame-ring.ts';
import { QueuedWire } from './queued-wire.ts';

export class LoopbackWire extends QueuedWire {
  connected = true;

  constructor(size?: FrameRingSize, counters?: WireCounters) {
    super(new FrameRing(size), 0, counters);
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.arriving.push(bytes, offset, length)) return false;
    this.countSent(length);
    return true;
  }

  close(): void {
    this.connected = false;
    this.arriving.clear();
  }
}
