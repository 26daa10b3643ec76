/**
 * What a ring between two threads consists of, all of it in shared memory.
 *
 * `lane` takes packets from the producer to the consumer, and `back` other packets from there to the producer, one for each.
 * Four counters of buffers, modulo 2^32, say how far everybody is; each is written by one thread only:
 *
 *     returned by the producer from `back` (REAPED) ≤ put there by the consumer (RETURNED)
 *       ≤ taken by the consumer from `lane` (HEAD) ≤ put there by the producer (TAIL) ≤ REAPED + size
 *
 * HEAD − RETURNED is what the consumer owes. As TAIL never gets further ahead of REAPED than `size`, nothing overflows.
 *
 * A packet that is more than a single buffer at default headroom without an open checksum stands in `lane` as the complement
 * of its number; a chain takes an entry for each of its buffers.
 */

/** Indices into `counters`. What different threads write is 128 bytes apart, as processors fetch lines of 64 in pairs. */
export const RING_TAIL = 32;
export const RING_REAPED = 33;
export const RING_HEAD = 64;
export const RING_RETURNED = 65;
export const RING_COUNTERS = 128;

/** What a thread needs to use one end of the ring; it may be posted there, or passed as its `workerData`. */
export interface PacketRingShare {
  /** The `id` of the pool that the packets belong to. */
  readonly pool: string;
  /** Members of the pool that put packets in, and take them out. */
  readonly producer: number;
  readonly consumer: number;
  readonly lane: Int32Array;
  readonly back: Int32Array;
  readonly counters: Int32Array;
}

/** The buffer that an entry of a lane stands for. */
export function packetOf(entry: number): number {
  return entry < 0 ? ~entry : entry;
}

/** Sets `published[packet]` to 1 for each packet in either direction that has been handed over and not been taken. */
export function markPublished({ lane, back, counters }: PacketRingShare, published: Uint8Array): void {
  const mask = lane.length - 1;
  for (const [entries, from, to] of [
    [lane, RING_HEAD, RING_TAIL],
    [back, RING_REAPED, RING_RETURNED],
  ] as const) {
    // In this order: whoever takes entries may go on meanwhile, and leaves them as they are.
    const first = Atomics.load(counters, from);
    const end = Atomics.load(counters, to);
    for (let i = first; i !== end; i = (i + 1) | 0) published[packetOf(entries[i & mask])] = 1;
  }
}
