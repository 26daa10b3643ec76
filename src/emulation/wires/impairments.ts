/**
 * Bad wires: any end, seen through a line that is slow, far away, and loses, repeats, swaps or damages frames. What
 * happens to which frame follows from the seed and from the model's time alone, so a failing run can be run again.
 */
import { IxyError } from '../../errors.ts';
import type { FrameSink } from '../wire.ts';
import { RECEIVED, SENT, type Wire, type WireCounters } from './counters.ts';
import { ImpairedLane } from './impaired-lane.ts';

/** What is bad about a line; nothing by default. Values out of range throw `ERR_ARGUMENT`. */
export interface Impairments {
  /** Line rate in bit/s. A frame takes its bytes and 24 more: preamble, CRC and inter-frame gap. Default: no limit. */
  readonly bitsPerSecond?: number;
  /** Frames per second, whatever their size; with `bitsPerSecond`, the slower one counts. Default: no limit. */
  readonly framesPerSecond?: number;
  /** Nanoseconds from one end to the other. Default 0. */
  readonly delay?: number;
  /** Each frame is up to this many nanoseconds later, evenly spread; order is kept. Default 0. */
  readonly jitter?: number;
  /** Probability, 0 … 1, that a frame vanishes. */
  readonly loss?: number;
  /** Probability that a frame arrives twice. */
  readonly duplicate?: number;
  /** Probability that a frame is overtaken by the `reorderBy` frames after it. */
  readonly reorder?: number;
  /** Default 3, 1 … 1024. */
  readonly reorderBy?: number;
  /** Probability that one random bit of a frame is flipped. The CRC is taken as made again: the NIC cannot tell. */
  readonly corrupt?: number;
  /** Frames and bytes in flight per direction; a full line makes the sender wait. Default 4096 frames, 4 MiB. */
  readonly frames?: number;
  readonly bytes?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Default 'both'. 'sent': only what the NIC sends; 'received': only what comes to it. */
  readonly direction?: 'both' | 'sent' | 'received';
}

/**
 * `end` behind a bad line, which counts in the end's own counters; `end` itself, at no cost, if there is nothing bad about
 * it. Closing it closes `end`.
 */
export function impair(end: Wire, impairments: Impairments): Wire {
  check(impairments);
  const { bitsPerSecond, framesPerSecond, delay, jitter, loss, duplicate, reorder, corrupt } = impairments;
  const any = [bitsPerSecond, framesPerSecond, delay, jitter, loss, duplicate, reorder, corrupt].some((value) => value);
  return any ? new ImpairedWire(end, impairments) : end;
}

class ImpairedWire implements Wire {
  readonly speed: number;
  readonly counters: WireCounters;
  readonly #end: Wire;
  readonly #departing: ImpairedLane | undefined;
  readonly #arriving: ImpairedLane | undefined;

  constructor(end: Wire, impairments: Impairments) {
    const { bitsPerSecond, direction = 'both' } = impairments;
    this.speed = bitsPerSecond ? Math.ceil(bitsPerSecond / 1e6) : end.speed;
    this.#end = end;
    this.counters = end.counters;
    this.#departing = direction === 'received' ? undefined : new ImpairedLane(impairments, end.counters, SENT);
    this.#arriving = direction === 'sent' ? undefined : new ImpairedLane(impairments, end.counters, RECEIVED);
  }

  get connected(): boolean {
    return this.#end.connected;
  }

  get flowControl(): boolean {
    return this.#end.flowControl;
  }

  set flowControl(enabled: boolean) {
    this.#end.flowControl = enabled;
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    return (this.#departing ?? this.#end).deliver(bytes, offset, length);
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    this.#departing?.advance(now, this.#end);
    if (!this.#arriving) return this.#end.poll(sink, budget, now);
    this.#arriving.advance(now);
    this.#end.poll(this.#arriving, budget, now);
    return this.#arriving.drain(sink, budget, now);
  }

  close(): void {
    this.#departing?.advance(Number.POSITIVE_INFINITY, this.#end);
    this.#end.close();
  }
}

const RATES = ['bitsPerSecond', 'framesPerSecond', 'delay', 'jitter'] as const;
const PROBABILITIES = ['loss', 'duplicate', 'reorder', 'corrupt'] as const;

function check(impairments: Impairments): void {
  for (const name of RATES) checkRange(name, impairments[name], Number.MAX_SAFE_INTEGER);
  for (const name of PROBABILITIES) checkRange(name, impairments[name], 1);
}

function checkRange(name: string, value: number | undefined, maximum: number): void {
  if (value === undefined || (value >= 0 && value <= maximum)) return;
  throw new IxyError('ERR_ARGUMENT', `${name} must be from 0 to ${maximum}, found ${value}`);
}
