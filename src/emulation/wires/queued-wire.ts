/** The half that most wires have in common: frames on their way to the NIC wait in a ring, and both ways are counted. */
import type { FrameSink } from '../wire.ts';
import { BYTES, FRAMES, RECEIVED, SENT, type Wire, type WireCounters, wireCounters } from './counters.ts';
import type { FrameRing } from './frame-ring.ts';

export abstract class QueuedWire implements Wire {
  readonly speed: number;
  counters: WireCounters;
  flowControl = false;
  protected readonly arriving: FrameRing;

  constructor(arriving: FrameRing, speed: number, counters: WireCounters = wireCounters()) {
    this.arriving = arriving;
    this.speed = speed;
    this.counters = counters;
  }

  abstract readonly connected: boolean;
  abstract deliver(bytes: Uint8Array, offset: number, length: number): boolean;
  abstract close(): void;

  /** Frames that the NIC has not fetched yet. */
  get pending(): number {
    return this.arriving.length;
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    const arriving = this.arriving;
    const bytesBefore = arriving.drainedBytes;
    const frames = arriving.drain(sink, budget, now);
    this.counters[RECEIVED + FRAMES] += frames;
    this.counters[RECEIVED + BYTES] += arriving.drainedBytes - bytesBefore;
    return frames;
  }

  protected countSent(length: number): void {
    this.counters[SENT + FRAMES]++;
    this.counters[SENT + BYTES] += length;
  }
}
