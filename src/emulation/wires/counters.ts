/**
 * What a wire counted, in a small array of float64 that may lie in shared memory: the wire adds on its thread, anybody
 * reads on another. A value is exact up to 2^53 and read whole; two values read together may be a frame apart.
 *
 * Frames are counted at the far end of the wire: `sent` is what left the NIC and got there, `received` is what came from
 * there. What impairments then took or added is counted beside it, by direction.
 */
import type { WireEnd } from '../wire.ts';

/** A wire's end that counts. */
export interface Wire extends WireEnd {
  readonly counters: WireCounters;
  flowControl: boolean;
}

const DIRECTION = [
  'frames',
  'bytes',
  'droppedUnplugged', // nobody at the far end
  'droppedRefused', // the far end took the frame and could not use it: interface down, frame too long or too short
  'lost', // by impairment, as are the next four
  'duplicated',
  'reordered',
  'corrupted',
] as const;

const CHECK = [
  'unique',
  'lost', // numbers below the highest seen that have not come back
  'duplicated', // or so late that they cannot be told from duplicates
  'reordered',
  'corrupted',
  'foreign', // other traffic
] as const;

type DirectionStatistics = Readonly<Record<(typeof DIRECTION)[number], number>>;
type CheckStatistics = Readonly<Record<(typeof CHECK)[number], number>>;

/** What a wire counted, by name. */
export interface WireStatistics {
  /** From the NIC to the far end. */
  readonly sent: DirectionStatistics;
  /** From the far end to the NIC. */
  readonly received: DirectionStatistics;
  /** What a generator found in the numbered frames that came back to it. */
  readonly check: CheckStatistics;
  /** The far end will never send again: a capture file replayed to its end, a generator done with its count. */
  readonly ended: boolean;
}

/** Index of the first counter of a direction; the others follow in the order of the offsets below. */
export const SENT = 0;
export const RECEIVED = DIRECTION.length;
export type Direction = typeof SENT | typeof RECEIVED;

export const FRAMES = 0;
export const BYTES = 1;
export const DROPPED_UNPLUGGED = 2;
export const DROPPED_REFUSED = 3;
export const LOST = 4;
export const DUPLICATED = 5;
export const REORDERED = 6;
export const CORRUPTED = 7;

const CHECKED = 2 * DIRECTION.length;
export const CHECK_UNIQUE = CHECKED;
export const CHECK_LOST = CHECKED + 1;
export const CHECK_DUPLICATED = CHECKED + 2;
export const CHECK_REORDERED = CHECKED + 3;
export const CHECK_CORRUPTED = CHECKED + 4;
export const CHECK_FOREIGN = CHECKED + 5;
/** Index of what is not 0 once the far end will never send again. */
export const ENDED = CHECKED + CHECK.length;
const COUNT = ENDED + 1;

/** Counters of one wire. */
export type WireCounters = Float64Array;

/** Memory for one wire's counters, which `WireSpec.counters` takes to the wire's thread. */
export function sharedWireCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(COUNT * Float64Array.BYTES_PER_ELEMENT);
}

/** Counters over `memory` (from `sharedWireCounters`), or over memory of their own. */
export function wireCounters(memory?: SharedArrayBuffer): WireCounters {
  return memory ? new Float64Array(memory, 0, COUNT) : new Float64Array(COUNT);
}

/** A copy of the counters, by name. */
export function wireStatistics(counters: WireCounters): WireStatistics {
  return {
    sent: named(DIRECTION, counters, SENT),
    received: named(DIRECTION, counters, RECEIVED),
    check: named(CHECK, counters, CHECKED),
    ended: counters[ENDED] !== 0,
  };
}

function named<Name extends string>(names: readonly Name[], counters: WireCounters, from: number) {
  return Object.fromEntries(names.map((name, i) => [name, counters[from + i]])) as Record<Name, number>;
}

/** The same in one level: 'sent.frames', 'received.lost', 'check.unique', … */
export function flatWireStatistics(counters: WireCounters): Record<string, number> {
  const { sent, received, check } = wireStatistics(counters);
  const groups = Object.entries({ sent, received, check });
  return Object.fromEntries(
    groups.flatMap(([group, values]) => Object.entries(values).map(([name, value]) => [`${group}.${name}`, value])),
  );
}
