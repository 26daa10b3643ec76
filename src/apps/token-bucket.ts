/** Says how many packets may leave by now, at a rate that is exact over time: what is spent is counted from one origin. */
import { IxyError } from '../errors.ts';

/** Bytes that each frame takes on the wire beside its own: preamble and delimiter 8, CRC 4, gap 12. */
export const WIRE_OVERHEAD = 24;

/** Packets per second, or bits per second on the wire, `WIRE_OVERHEAD` included. */
export type PacketRate = { readonly framesPerSecond: number } | { readonly bitsPerSecond: number };

/** Packets of `size` bytes (without CRC) per second. */
export function packetsPerSecond(rate: PacketRate, size: number): number {
  return 'framesPerSecond' in rate ? rate.framesPerSecond : rate.bitsPerSecond / (8 * (size + WIRE_OVERHEAD));
}

/** Milliseconds that a sender may be behind and still make up for; a longer stall is forgiven. */
const LONGEST_LAG = 100;

/** A rate limit that is asked, and told what was used. */
export class TokenBucket {
  readonly #perMillisecond: number;
  #origin: number;
  #spent = 0;

  /** `now`: milliseconds, of the clock that `available` is asked by. Throws `ERR_ARGUMENT` unless the rate is above 0. */
  constructor(perSecond: number, now: number) {
    if (!(perSecond > 0)) throw new IxyError('ERR_ARGUMENT', `a rate must be above 0 per second, found ${perSecond}`);
    this.#perMillisecond = perSecond / 1000;
    this.#origin = now;
  }

  /** Packets that may leave at `now`. One clock reading serves a whole burst. */
  available(now: number): number {
    const due = (now - this.#origin) * this.#perMillisecond - this.#spent;
    // A slow rate may always save up for one packet.
    const most = Math.max(1, LONGEST_LAG * this.#perMillisecond);
    if (due > most) {
      this.#origin = now - most / this.#perMillisecond;
      this.#spent = 0;
      return Math.floor(most);
    }
    return Math.floor(due);
  }

  spend(packets: number): void {
    this.#spent += packets;
  }
}
