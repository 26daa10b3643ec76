/** Rings between threads, for packets of any kind: chains, moved data, open checksums. Pools count those; counts move along. */
import { IxyError } from '../errors.ts';
import { hasOpenChecksum } from './complete-checksum.ts';
import type { PacketBatch } from './packet-batch.ts';
import type { PacketPool } from './packet-pool.ts';
import { DEFAULT_HEADROOM } from './packet-slots.ts';
import { NO_PACKET, POOL_MOVED, POOL_SPECIAL } from './pool-state.ts';
import type { RingContext } from './ring-burst.ts';
import { packetOf, RING_REAPED, RING_TAIL } from './ring-state.ts';

/** See `RingProducer.transmit`. `drop` takes packets that no ring of this size will ever have room for. */
export function transmitAny(
  { pool, lane, counters, size }: RingContext,
  batch: PacketBatch,
  reap: () => void,
  drop: (packet: number) => void,
): number {
  if (batch.length > 0 && batch.pool !== pool) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `the batch holds packets of ${batch.pool.name}; the ring takes ${pool.name}'s only`,
    );
  }
  reap();
  const end = (counters[RING_REAPED] + size) | 0;
  let tail = counters[RING_TAIL];
  let seen = 0;
  let queued = 0;
  let moved = 0;
  let special = 0;
  for (; seen < batch.length; seen++) {
    const packet = batch.packets[seen];
    const buffers = pool.segments(packet);
    if (buffers > size) {
      drop(packet);
      continue;
    }
    if (((end - tail) | 0) < buffers) break;
    const itsMoved = movedIn(pool, packet);
    const itsSpecial = specialIn(pool, packet);
    if ((itsMoved | itsSpecial) === 0) {
      lane[tail & (size - 1)] = packet;
      tail = (tail + 1) | 0;
    } else {
      tail = enterComplements(pool, packet, lane, tail);
    }
    moved += itsMoved;
    special += itsSpecial;
    queued++;
  }
  Atomics.store(counters, RING_TAIL, tail);
  pool.state[POOL_MOVED] -= moved;
  pool.state[POOL_SPECIAL] -= special;
  batch.shift(seen);
  return queued;
}

/** See `ReceiveContext.takeAny`. */
export function takeAny(
  { pool, lane, holder, member, size }: RingContext,
  batch: PacketBatch,
  index: number,
  end: number,
): number {
  let next = index;
  while (next !== end && batch.length < batch.capacity) {
    const entry = lane[next & (size - 1)];
    const packet = packetOf(entry);
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      holder[segment] = member;
      next = (next + 1) | 0;
    }
    if (entry < 0) {
      pool.state[POOL_MOVED] += movedIn(pool, packet);
      pool.state[POOL_SPECIAL] += specialIn(pool, packet);
    }
    batch.push(packet);
  }
  return next;
}

/** How much a packet adds to its pool's POOL_MOVED. */
function movedIn(pool: PacketPool, packet: number): number {
  let moved = 0;
  for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
    if (pool.headroom[segment] !== DEFAULT_HEADROOM) moved++;
  }
  return moved;
}

/** How much a packet adds to its pool's POOL_SPECIAL. */
function specialIn(pool: PacketPool, packet: number): number {
  let special = 0;
  for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
    if (pool.next[segment] !== NO_PACKET) special++;
    if (hasOpenChecksum(pool, segment)) special++;
  }
  return special;
}

/** An entry for each buffer; returns the index behind them. */
function enterComplements(pool: PacketPool, packet: number, lane: Int32Array, index: number): number {
  let next = index;
  for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
    lane[next & (lane.length - 1)] = ~segment;
    next = (next + 1) | 0;
  }
  return next;
}
