/**
 * A ring of packets from one thread to another: no locks, no copies, and a lane back (see ring-state.ts), so that each
 * member of the pool keeps as many packets as it began with. Whoever ends at whatever point, the ring stays whole: a thread
 * that is started in place of a dead one goes on with it.
 */
import { checkInteger, IxyError } from '../errors.ts';
import { specialise } from '../specialise.ts';
import { checkedReceive, checkedTransmit } from './checked-ring.ts';
import type { PacketBatch } from './packet-batch.ts';
import type { PacketPool } from './packet-pool.ts';
import { takeAny, transmitAny } from './ring-any-packets.ts';
import { makeReap, makeReceive, makeTransmit, ringContext } from './ring-burst.ts';
import { type PacketRingShare, RING_COUNTERS, RING_HEAD, RING_TAIL } from './ring-state.ts';
import { expectMember, type SharedPool } from './shared-pool.ts';

export type { PacketRingShare } from './ring-state.ts';

export interface PacketRingOptions {
  /** Buffers that are under way at most, there and back; a power of two, 64 … 2^20. Default 1024. */
  readonly capacity?: number;
  /** The member that puts packets in, and the one that takes them out. */
  readonly producer: number;
  readonly consumer: number;
}

/** Made where the pool was made; its ends are opened by `RingProducer` and `RingConsumer` on any thread. */
export class PacketRing {
  readonly #share: PacketRingShare;

  /** Throws `ERR_ARGUMENT` for members that the pool does not have. */
  constructor(pool: SharedPool, options: PacketRingOptions) {
    const { capacity = 1024, producer, consumer } = options;
    checkInteger('capacity of a packet ring', capacity, 64, 2 ** 20);
    if ((capacity & (capacity - 1)) !== 0) {
      throw new IxyError('ERR_ARGUMENT', `capacity of a packet ring must be a power of two, found ${capacity}`);
    }
    const words = (count: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * count));
    const [lane, back, counters] = [words(capacity), words(capacity), words(RING_COUNTERS)];
    this.#share = { pool: pool.id, producer, consumer, lane, back, counters };
    pool.register(this.#share);
  }

  /** What a thread needs to open an end. */
  share(): PacketRingShare {
    return this.#share;
  }
}

/** The end that packets are put in, in the shape of a transmit queue. It belongs to the producer's thread. */
export class RingProducer {
  readonly pool: PacketPool;
  /**
   * Hands packets from the front of `batch` to the consumer; returns how many. What finds no room stays in the batch, moved to
   * its front, and stays the caller's. For each packet another comes back in time; this takes them to the pool, so call it with
   * an empty batch too. Chains longer than the ring are dropped, and counted. Throws `ERR_ARGUMENT` for packets of another pool.
   */
  readonly transmit: (batch: PacketBatch) => number;
  readonly #counters: Int32Array;
  readonly #reap: () => void;
  #dropped = 0;

  /** `pool`: the producer's. Throws `ERR_ARGUMENT` if it is another one. */
  constructor(share: PacketRingShare, pool: PacketPool) {
    const { holder } = expectMember(pool, share.pool, share.producer);
    const context = ringContext(pool, share.producer, holder, share);
    const reap = specialise('ring-reap', makeReap)(context);
    const drop = (packet: number): void => {
      this.#dropped++;
      pool.reclaim(packet);
    };
    const otherwise = (batch: PacketBatch): number => transmitAny(context, batch, reap, drop);
    const transmit = specialise('ring-transmit', makeTransmit)({ ...context, otherwise }, reap);
    this.pool = pool;
    this.transmit = checkedTransmit(pool, transmit);
    this.#counters = share.counters;
    this.#reap = reap;
  }

  /** Packets (of chains: buffers) that the consumer has not taken yet. Takes back what it has returned. */
  pending(): number {
    this.#reap();
    return (this.#counters[RING_TAIL] - Atomics.load(this.#counters, RING_HEAD)) | 0;
  }

  /** Packets that were dropped, because they have more buffers than the ring has room for. */
  get dropped(): number {
    return this.#dropped;
  }
}

/** The end that packets come out of, in the shape of a receive queue. It belongs to the consumer's thread. */
export class RingConsumer {
  /** Whose packets come out. */
  readonly pool: PacketPool;
  /**
   * Appends packets to `batch`, up to its capacity, in the order in which they were put in; returns how many. The caller owns
   * them. For each, a free packet of this thread goes to the producer; while there is none, the ring remembers. Throws
   * `ERR_ARGUMENT` if `batch` holds packets of another pool.
   */
  readonly receive: (batch: PacketBatch) => number;

  /** `pool`: the consumer's. Throws `ERR_ARGUMENT` if it is another one. */
  constructor(share: PacketRingShare, pool: PacketPool) {
    const { holder } = expectMember(pool, share.pool, share.consumer);
    const context = ringContext(pool, share.consumer, holder, share);
    const any = (batch: PacketBatch, index: number, end: number): number => takeAny(context, batch, index, end);
    const seen = new Int32Array(new ArrayBuffer(256)).fill(share.counters[RING_HEAD]);
    this.pool = pool;
    this.receive = checkedReceive(pool, specialise('ring-receive', makeReceive)({ ...context, takeAny: any, seen }));
  }
}
