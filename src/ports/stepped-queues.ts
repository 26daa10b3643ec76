/**
 * Queues of an emulated NIC that has no thread of its own: the packet loop's own calls let it work. A receive that finds
 * nothing steps the NIC and looks again; a transmit steps it once the frames are in the ring, and
 * tries again what had no place in it. Queues of other NICs are
 * not wrapped at all, so this costs them nothing.
 */
import type { RxQueue, TxQueue } from '../drivers/net-device.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import type { PacketPool } from '../memory/packet-pool.ts';

export class SteppedRxQueue implements RxQueue {
  readonly pool: PacketPool;
  readonly #queue: RxQueue;
  readonly #step: () => void;

  constructor(queue: RxQueue, step: () => void) {
    this.pool = queue.pool;
    this.#queue = queue;
    this.#step = step;
  }

  receive(batch: PacketBatch): number {
    const received = this.#queue.receive(batch);
    if (received > 0) return received;
    this.#step();
    return this.#queue.receive(batch);
  }
}

export class SteppedTxQueue implements TxQueue {
  readonly #queue: TxQueue;
  readonly #step: () => void;

  constructor(queue: TxQueue, step: () => void) {
    this.#queue = queue;
    this.#step = step;
  }

  transmit(batch: PacketBatch): number {
    const sent = this.#queue.transmit(batch);
    this.#step();
    return batch.length === 0 ? sent : sent + this.#queue.transmit(batch);
  }

  pending(): number {
    this.#step();
    return this.#queue.pending();
  }
}
