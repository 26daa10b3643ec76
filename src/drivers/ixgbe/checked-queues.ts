/**
 * Checked mode for rings. Burst functions are not touched: what they took and gave is read off their state and shadow
 * before and after each burst. For pools without checks the burst function itself is returned, so that nothing is paid.
 */
import { IxyError } from '../../errors.ts';
import {
  CheckedPacketPool,
  OWNER_APPLICATION,
  OWNER_POOL,
  OWNER_RX_RING,
  OWNER_TX_RING,
} from '../../memory/checked-pool.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../../memory/packet-pool.ts';
import { type Receive, RX_CONSTANTS, type RxContext } from './rx-context.ts';

const { NEXT, TAIL, CHAIN_HEAD } = RX_CONSTANTS;

/** Calls `visit` for the packets in `shadow[from … to-1]`, around the ring's end. */
function visitRing(shadow: Int32Array, from: number, to: number, visit: (packet: number) => void): void {
  for (let i = from; i !== to; i = (i + 1) & (shadow.length - 1)) visit(shadow[i]);
}

/** Records that the ring holds all packets up to its tail; for the first fill. */
export function recordArmed({ pool, shadow, state }: RxContext): void {
  if (!(pool instanceof CheckedPacketPool)) return;
  visitRing(shadow, state[NEXT], state[TAIL], (packet) => pool.assignSegment(packet, OWNER_RX_RING));
}

/** `receive`, or where the pool is a checked one, `receive` with bookkeeping. */
export function checkedReceive(context: RxContext, receive: Receive): Receive {
  const { pool, shadow, state } = context;
  if (!(pool instanceof CheckedPacketPool)) return receive;
  return (batch) => {
    const first = batch.length;
    const { next, tail } = { next: state[NEXT], tail: state[TAIL] };
    const before = shadow.slice();
    const received = receive(batch);
    const armed = new Set<number>();
    visitRing(shadow, tail, state[TAIL], (packet) => armed.add(packet));
    for (let i = first; i < batch.length; i++) pool.assign(batch.packets[i], OWNER_APPLICATION);
    for (let segment = state[CHAIN_HEAD]; segment !== NO_PACKET; segment = pool.next[segment]) armed.add(segment);
    visitRing(before, next, state[NEXT], (packet) => {
      const dropped = pool.owners[packet] === OWNER_RX_RING && !armed.has(packet);
      if (dropped) pool.assignSegment(packet, OWNER_POOL);
    });
    for (const packet of armed) pool.assignSegment(packet, OWNER_RX_RING);
    return received;
  };
}

/** Knows of each packet in the ring of a transmit queue what it was when it was sent, so that a later write is noticed. */
export class TransmitAudit {
  /** By pool and packet: the checksum of the data. */
  readonly #sent = new Map<PacketPool, Map<number, number>>();

  /** Before a burst: every packet must be the application's. */
  admit(batch: PacketBatch): void {
    const pool = batch.pool;
    if (!(pool instanceof CheckedPacketPool)) return;
    for (let i = 0; i < batch.length; i++) pool.expect(batch.packets[i], OWNER_APPLICATION, 'sent');
  }

  /** A buffer entered the ring. */
  queued(pool: PacketPool, segment: number): void {
    if (!(pool instanceof CheckedPacketPool)) return;
    pool.assignSegment(segment, OWNER_TX_RING);
    const sums = this.#sent.get(pool) ?? new Map<number, number>();
    this.#sent.set(pool, sums.set(segment, checksum(pool, segment)));
  }

  /** A buffer left the ring; returns the error to report if it was changed while the device owned it. */
  completed(pool: PacketPool, segment: number): IxyError | undefined {
    const sums = this.#sent.get(pool);
    const sum = sums?.get(segment);
    if (sum === undefined) return undefined;
    sums?.delete(segment);
    if (checksum(pool, segment) === sum) return undefined;
    return new IxyError(
      'ERR_PACKET_OWNERSHIP',
      `${pool.name}: packet ${segment} was written to after it had been sent, while the device owned it`,
    );
  }
}

/** FNV-1a over the buffer's data. */
function checksum(pool: PacketPool, segment: number): number {
  const begin = pool.offset(segment);
  let hash = 0x811c9dc5;
  for (let i = begin, end = begin + pool.length[segment]; i < end; i++) {
    hash = Math.imul(hash ^ pool.bytes[i], 0x01000193);
  }
  return hash;
}
