/** A burst of packets: what receive fills and transmit drains. Made once, used for ever. */
import { checkInteger, IxyError } from '../errors.ts';
import type { PacketPool } from './packet-pool.ts';

export class PacketBatch {
  /** Packet numbers; the first `length` are valid. */
  readonly packets: Int32Array;
  readonly capacity: number;
  /** Packets in the batch. */
  length = 0;
  /** Pool of the packets in the batch; the last one used while it is empty. Set by `receive` and `allocate`. */
  pool: PacketPool;

  /** `capacity`: 1 … 4096 packets; 32 or 64 are good bursts. `pool` may be any; `receive` sets the right one. */
  constructor(capacity: number, pool?: PacketPool) {
    checkInteger('batch capacity', capacity, 1, 4096);
    this.capacity = capacity;
    this.packets = new Int32Array(capacity);
    this.pool = pool as PacketPool; // an empty batch is never asked for it
  }

  /** Index in `pool.bytes` of the first byte of the batch's packet `i`. */
  offset(i: number): number {
    return this.pool.offset(this.packets[i] as number);
  }

  /** Bytes in the first segment of the batch's packet `i`. */
  bytesIn(i: number): number {
    return this.pool.length[this.packets[i] as number] as number;
  }

  /** Makes `pool` the batch's pool; it must be, unless the batch is empty. */
  adopt(pool: PacketPool): void {
    if (this.length > 0 && this.pool !== pool) {
      throw new IxyError(
        'ERR_ARGUMENT',
        `the batch holds ${this.length} packets of ${this.pool.name}, not ${pool.name}`,
      );
    }
    this.pool = pool;
  }

  /** Appends up to `count` fresh packets of `pool`; returns how many it had. Their content is what it was before. */
  allocate(pool: PacketPool, count: number): number {
    this.adopt(pool);
    const room = this.capacity - this.length;
    const taken = pool.take(this.packets, this.length, count < room ? count : room);
    this.length += taken;
    return taken;
  }

  /** Appends one packet that the caller owns. */
  push(packet: number): void {
    if (this.length === this.capacity)
      throw new IxyError('ERR_ARGUMENT', `the batch is full (${this.capacity} packets)`);
    this.packets[this.length++] = packet;
  }

  /** Gives every packet in the batch back to the pool, and empties it. */
  free(): void {
    if (this.length === 0) return;
    const length = this.length;
    this.length = 0;
    this.pool.giveAll(this.packets, 0, length);
  }

  /** Removes the first `count` packets, which now belong to somebody else, and moves the rest to the front. */
  shift(count: number): void {
    this.packets.copyWithin(0, count, this.length);
    this.length -= count;
  }
}
