/**
 * When loops over ports whose traffic has an end are over. A capture file is at its end when its last packet has been
 * read; but behind an emulated NIC packets may still be on the wire then, and answers to them on the way back.
 */
import type { LoopPort } from './loop-port.ts';

/** Without packets for so long, nothing is on its way any more. */
const QUIET_MILLISECONDS = 100;
/** Other traffic, which has no end, keeps a loop going no longer than this behind the last packet of one that has. */
const LONGEST_MILLISECONDS = 1000;

export class StreamEnd {
  readonly #port: Pick<LoopPort, 'ended'>;
  readonly #moved: () => number;
  #total = 0;
  #since = performance.now();

  /** `moved`: packets that came from `port` or went on from there so far. */
  constructor(port: Pick<LoopPort, 'ended'>, moved: () => number) {
    this.#port = port;
    this.#moved = moved;
  }

  /** Milliseconds for which nothing has moved, as far as calls of this method tell. */
  quiet(now: number): number {
    const total = this.#moved();
    if (total !== this.#total) {
      this.#total = total;
      this.#since = now;
    }
    return now - this.#since;
  }

  /** Whether all these streams, of which at least one must have an end, are over at `now`. For calls between slices. */
  static reached(streams: readonly StreamEnd[], now: number): boolean {
    let ended = false;
    let over = false;
    let quiet = true;
    for (const stream of streams) {
      const duration = stream.quiet(now);
      quiet &&= duration >= QUIET_MILLISECONDS;
      if (!stream.#port.ended) continue;
      ended = true;
      over ||= duration >= LONGEST_MILLISECONDS;
    }
    return ended && (quiet || over);
  }
}
