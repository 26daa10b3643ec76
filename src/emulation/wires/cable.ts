/**
 * A cable between two NICs on the same thread. It loses nothing by itself: when the far NIC does not fetch its frames,
 * the cable fills up and `deliver` returns false, as if the line were busy, and the sender waits. Unplugged, it drops
 * what is sent, and counts it.
 */
import { DROPPED_UNPLUGGED, RECEIVED, SENT } from './counters.ts';
import { FrameRing, type FrameRingSize } from './frame-ring.ts';
import { QueuedWire } from './queued-wire.ts';

export interface CableOptions extends FrameRingSize {
  /** Mbit/s that both ends announce. Default 10,000. It does not slow the frames; see `Impairments.bitsPerSecond`. */
  readonly speed?: number;
}

/** Both ends of a cable. */
export class Cable {
  /** The two ends; plug one into each NIC. */
  readonly ends: readonly [CableEnd, CableEnd];

  constructor(options: CableOptions = {}) {
    const { speed = 10_000 } = options;
    const toFirst = new FrameRing(options);
    const toSecond = new FrameRing(options);
    const plugged = [true, true];
    this.ends = [
      new CableEnd(toSecond, toFirst, speed, plugged, 0), //
      new CableEnd(toFirst, toSecond, speed, plugged, 1),
    ];
  }

  /** Pulls the cable out: both ends lose their link, and what was in flight is dropped and counted. */
  unplug(): void {
    for (const end of this.ends) end.unplug();
  }

  /** Plugs it back in at both ends. */
  plug(): void {
    for (const end of this.ends) end.plug();
  }
}

export class CableEnd extends QueuedWire {
  readonly #departing: FrameRing;
  /** Whether each of the two ends is plugged in; both ends look at the same array. */
  readonly #plugged: boolean[];
  readonly #side: 0 | 1;

  constructor(departing: FrameRing, arriving: FrameRing, speed: number, plugged: boolean[], side: 0 | 1) {
    super(arriving, speed);
    this.#departing = departing;
    this.#plugged = plugged;
    this.#side = side;
  }

  get connected(): boolean {
    return this.#plugged[0] && this.#plugged[1];
  }

  /** Whether this end is plugged in, whatever the other one is. */
  get plugged(): boolean {
    return this.#plugged[this.#side];
  }

  plug(): void {
    this.#plugged[this.#side] = true;
  }

  /** Frames on their way to this end are dropped, and counted as received by nobody. */
  unplug(): void {
    this.#plugged[this.#side] = false;
    this.counters[RECEIVED + DROPPED_UNPLUGGED] += this.arriving.length;
    this.arriving.clear();
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.connected) {
      this.counters[SENT + DROPPED_UNPLUGGED]++;
      return true;
    }
    if (!this.#departing.push(bytes, offset, length)) return false;
    this.countSent(length);
    return true;
  }

  /** Unplugs this end. */
  close(): void {
    this.unplug();
  }
}
