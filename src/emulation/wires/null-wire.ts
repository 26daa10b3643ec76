/** A far end that takes everything, sends nothing, and counts. */
import type { FrameSink } from '../wire.ts';
import { BYTES, FRAMES, SENT, type Wire, type WireCounters, wireCounters } from './counters.ts';

export class NullWire implements Wire {
  readonly speed = 0;
  connected = true;
  readonly counters: WireCounters;
  flowControl = false;

  constructor(counters: WireCounters = wireCounters()) {
    this.counters = counters;
  }

  deliver(_bytes: Uint8Array, _offset: number, length: number): boolean {
    this.counters[SENT + FRAMES]++;
    this.counters[SENT + BYTES] += length;
    return true;
  }

  poll(_sink: FrameSink, _budget: number, _now: number): number {
    return 0;
  }

  close(): void {
    this.connected = false;
  }
}
