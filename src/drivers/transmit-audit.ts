/** Checked mode for transmit rings. For pools without checks nothing is recorded. */
import { IxyError } from '../errors.ts';
import { CheckedPacketPool, OWNER_APPLICATION, OWNER_TX_RING } from '../memory/checked-pool.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import type { PacketPool } from '../memory/packet-pool.ts';

/** Knows of each packet in a transmit ring what it was when it was sent, so that a later write is noticed. */
export class TransmitAudit {
  /** By pool and packet: the checksum of the data. */
  readonly #sent = new WeakMap<PacketPool, Map<number, number>>();

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
