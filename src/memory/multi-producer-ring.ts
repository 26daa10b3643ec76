/**
 * Packets from several threads to one: a lane for each producer, and a consumer that goes round. A ring that producers share
 * would stand still if one of them died between reserving an entry and filling it; here nobody waits for anybody.
 */
import { IxyError } from '../errors.ts';
import type { PacketBatch } from './packet-batch.ts';
import type { PacketPool } from './packet-pool.ts';
import { PacketRing, type PacketRingShare, RingConsumer } from './packet-ring.ts';
import type { SharedPool } from './shared-pool.ts';

export interface MultiProducerRingOptions {
  /** Of each lane: see `PacketRingOptions`. */
  readonly capacity?: number;
  /** A member for each lane. */
  readonly producers: readonly number[];
  readonly consumer: number;
}

/** Made where the pool was made. Lane `i` is for `producers[i]`, who opens it with `RingProducer`. */
export class MultiProducerRing {
  readonly #lanes: readonly PacketRing[];

  /** Throws `ERR_ARGUMENT` for members that the pool does not have, and without a producer. */
  constructor(pool: SharedPool, { producers, ...common }: MultiProducerRingOptions) {
    if (producers.length === 0) throw new IxyError('ERR_ARGUMENT', 'a ring needs at least one producer, found none');
    this.#lanes = producers.map((producer) => new PacketRing(pool, { ...common, producer }));
  }

  /** What the producer of a lane needs. */
  share(lane: number): PacketRingShare {
    const ring = this.#lanes[lane];
    if (ring) return ring.share();
    throw new IxyError('ERR_ARGUMENT', `the ring has lanes 0 to ${this.#lanes.length - 1}, found ${lane}`);
  }

  /** What the consumer needs, for `MultiRingConsumer`. */
  shares(): PacketRingShare[] {
    return this.#lanes.map((ring) => ring.share());
  }
}

/** Takes packets from all lanes, in the shape of a receive queue. It belongs to the consumer's thread. */
export class MultiRingConsumer {
  readonly pool: PacketPool;
  readonly #lanes: readonly RingConsumer[];
  #turn = 0;

  /** `pool`: the consumer's. Throws `ERR_ARGUMENT` if it is another one, or there is no lane. */
  constructor(lanes: readonly PacketRingShare[], pool: PacketPool) {
    if (lanes.length === 0) throw new IxyError('ERR_ARGUMENT', 'a consumer needs at least one lane, found none');
    this.pool = pool;
    this.#lanes = lanes.map((share) => new RingConsumer(share, pool));
  }

  /**
   * As `RingConsumer.receive`: from each lane what the batch has room for, beginning with another lane each time. Packets of
   * one producer keep their order.
   */
  receive(batch: PacketBatch): number {
    const lanes = this.#lanes;
    const first = batch.length;
    let lane = this.#turn;
    this.#turn = lane + 1 === lanes.length ? 0 : lane + 1;
    for (let i = 0; i < lanes.length; i++) {
      lanes[lane].receive(batch);
      lane = lane + 1 === lanes.length ? 0 : lane + 1;
    }
    return batch.length - first;
  }
}
