/** A wire whose far end is a program: it gets each frame that the NIC sends, and sends frames of its own. */
import type { FrameSink } from '../wire.ts';
import type { WireCounters } from './counters.ts';
import { FrameRing, type FrameRingSize } from './frame-ring.ts';
import { QueuedWire } from './queued-wire.ts';

interface CallbackWireOptions extends FrameRingSize {
  /**
   * Called for each frame that the NIC sends; the range is valid until the function returns. Returning false refuses
   * the frame: the NIC offers it again. Default: frames are counted and forgotten.
   */
  readonly onFrame?: FrameSink['deliver'];
  /** Mbit/s; default 0, no limit of its own. */
  readonly speed?: number;
  readonly counters?: WireCounters;
}

/** A wire's end for programs: frames in and out as bytes. */
export class CallbackWire extends QueuedWire {
  /** Set it to false to pull the cable. */
  connected = true;
  readonly #onFrame: FrameSink['deliver'];

  constructor(options: CallbackWireOptions = {}) {
    super(new FrameRing(options), options.speed ?? 0, options.counters);
    this.#onFrame = options.onFrame ?? (() => true);
  }

  /** Puts a copy of `frame` (without CRC) on the wire to the NIC; false if the wire is full. */
  send(frame: Uint8Array): boolean {
    return this.arriving.push(frame, 0, frame.length);
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#onFrame(bytes, offset, length)) return false;
    this.countSent(length);
    return true;
  }

  close(): void {
    this.connected = false;
    this.arriving.clear();
  }
}
