/** A burst of packets: what receive fills and transmit drains. Made once, used for ever. */
import { checkInteger, IxyError } from '../errors.ts';
import type { PacketPool } from './packet-pool.ts';

/** Packets of one pool, up to `capacity` of them. The caller owns those in it. */
export class PacketBatch {
  /** Packet numbers; the first `length` are valid. */
  readonly packets: Int32Array;
  /** For each packet the index of its first data byte in `pool.bytes`, as it was when the packet entered the batch. */
  readonly offsets: Int32Array;
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
    this.offsets = new Int32Array(capacity);
    this.pool = pool as PacketPool; // an empty batch is never asked for it
  }

  /** Index in `pool.bytes` of the first byte of the batch's packet `i`, also after `prepend` and `trimFront`. */
  offset(i: number): number {
    return this.pool.offset(this.packets[i]);
  }

  /** Bytes in the first segment of the batch's packet `i`. */
  bytesIn(i: number): number {
    return this.pool.length[this.packets[i]];
  }

  /** Makes `pool` the batch's pool; it must be, unless the batch is empty. */
  adopt(pool: PacketPool): void {
    if (this.length > 0 && this.pool !== pool) {
      throw new IxyError(
        'ERR_ARGUMENT',
        `the batch holds packets of ${this.pool.name}, not ${pool.name}; empty it first`,
      );
    }
    this.pool = pool;
  }

  /** Appends up to `count` fresh packets of `pool`; returns how many it had. Their content is what it was before. */
  allocate(pool: PacketPool, count: number): number {
    this.adopt(pool);
    const { packets, offsets } = this;
    const first = this.length;
    const room = this.capacity - first;
    const taken = pool.take(packets, first, Math.min(count, room));
    for (let i = first, end = first + taken; i < end; i++) offsets[i] = pool.offset(packets[i]);
    this.length = first + taken;
    return taken;
  }

  /** Appends one packet of the batch's pool that the caller owns. Throws `ERR_ARGUMENT` if the batch is full. */
  push(packet: number): void {
    if (this.length === this.capacity) {
      throw new IxyError('ERR_ARGUMENT', `the batch is full (${this.capacity} packets)`);
    }
    this.packets[this.length] = packet;
    this.offsets[this.length++] = this.pool.offset(packet);
  }

  /** Gives every packet in the batch back to the pool, and empties it. */
  free(): void {
    const length = this.length;
    if (length === 0) return;
    this.length = 0;
    this.pool.give(this.packets, 0, length);
  }

  /** Removes the first `count` packets, which now belong to somebody else, and moves the rest to the front. */
  shift(count: number): void {
    this.packets.copyWithin(0, count, this.length);
    this.offsets.copyWithin(0, count, this.length);
    this.length -= count;
  }
}
