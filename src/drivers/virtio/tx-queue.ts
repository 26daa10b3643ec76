/**
 * One transmit queue, of either ring format. Packets of the usual shape go through a burst function compiled for this ring
 * and their pool; chains, moved headroom, open checksums, several pools in one ring, packets that must be dropped, devices
 * that want headers apart, and checked mode take the slow path.
 */
import { CheckedPacketPool } from '../../memory/checked-pool.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import { NO_PACKET, type PacketAddresses, type PacketPool } from '../../memory/packet-pool.ts';
import type { TxQueue as NetTxQueue } from '../net-device.ts';
import { type PoolSource, PoolSources } from '../pool-sources.ts';
import { createQueueState, createQueueTotals, restartPositions } from '../queue-memory.ts';
import { TransmitAudit } from '../transmit-audit.ts';
import { headerAddresses } from './header-addresses.ts';
import { PackedTx } from './packed/tx.ts';
import { checkFeatures, queueAddresses, type TxQueueInit } from './queue-init.ts';
import { describeFault, type RingFault } from './ring-fault.ts';
import { SplitTx } from './split/tx.ts';
import type { QueueAddresses } from './transport.ts';
import { type Transmit, TX_CONSTANTS, type TxRing, type TxTables } from './tx-context.ts';
import { FrameBuilder } from './tx-frame.ts';

const { DROPPED, PACKETS, BYTES } = TX_CONSTANTS;
/** Typed arrays of compiled bursts must not be tiny: V8 keeps the smallest on its heap, where they move. */
const STATE_WORDS = 32;

/**
 * A device's transmit queue. In the order of its life: the constructor says what to tell the device; `start` writes the
 * ring; `transmit`; `stop`; and when the device has been reset, `reclaim`.
 */
export class VirtioTxQueue implements NetTxQueue {
  /** What to tell the device. */
  readonly addresses: QueueAddresses;
  /**
   * See `NetTxQueue.transmit`. The burst function of the pool at hand, or the slow path; exchanged when the usual case
   * changes, so that a burst need not ask.
   */
  transmit: Transmit = () => 0;

  readonly #init: TxQueueInit;
  /** Positions and counters, and totals, in shared memory: for whom the queue is lent to. */
  readonly state: Int32Array;
  readonly totals: Float64Array;
  readonly #shadow: Int32Array;
  readonly #frames: FrameBuilder;
  readonly #audit = new TransmitAudit();
  readonly #sources: PoolSources;
  #abandoned = false;
  #ring: TxRing | undefined;

  /** Throws `ERR_DEVICE_UNSUPPORTED`: see `checkFeatures`. */
  constructor(init: TxQueueInit) {
    checkFeatures(init);
    this.#init = init;
    const { state = createQueueState(), totals = createQueueTotals() } = init;
    restartPositions(state, [DROPPED]);
    this.state = state;
    this.totals = totals;
    this.addresses = queueAddresses(init.kind, init.size, init.address);
    this.#shadow = new Int32Array(Math.max(init.size, STATE_WORDS)).fill(NO_PACKET);
    this.#sources = new PoolSources(init.domain, init.size, (pool, addresses) => this.#compile(pool, addresses));
    this.#frames = new FrameBuilder(init);
  }

  /** Packets given to the device, and their bytes without the virtio header; after `reclaim`, those that it has used. */
  get packets(): number {
    return this.totals[PACKETS];
  }
  get bytes(): number {
    return this.totals[BYTES];
  }

  /**
   * Packets dropped because the device cannot send them: too short, too long, or in more than 32 buffers; after `reclaim`,
   * also those that it had not used by then.
   */
  get dropped(): number {
    return this.state[DROPPED] >>> 0;
  }

  /** Writes the ring; the device is asked not to interrupt. `notify` rings the queue's doorbell. */
  start(notify: () => void): void {
    const { size, features } = this.#init;
    const tables: TxTables = {
      constants: TX_CONSTANTS,
      shadow: this.#shadow,
      state: this.state,
      totals: this.totals,
      size,
      headerBytes: features.headerBytes,
      inOrder: features.inOrder,
      eventIndex: features.eventIndex,
      notify,
      fail: this.#fail,
    };
    const Ring = this.#init.kind === 'packed' ? PackedTx : SplitTx;
    this.#ring = new Ring(this.#init, tables);
    this.transmit = this.#slowly;
  }

  /** Packets that the device still has, once what it has sent is taken back; for whoever waits for it to be done. */
  pending(): number {
    if (this.#ring) this.#takeBack(this.#ring);
    return this.#ring?.frames ?? 0;
  }

  /** From now on `transmit` takes nothing: the device is gone, broken, or about to be reset. */
  stop(): void {
    this.transmit = () => 0;
    this.#ring = undefined;
  }

  /**
   * Gives all packets in the ring back to their pools, and the pools back. The device, or its queue, must have been
   * reset. Idempotent.
   */
  reclaim(): void {
    if (this.#abandoned) return;
    if (this.#ring) this.#takeBack(this.#ring);
    this.stop();
    for (let id = 0; id < this.#init.size; id++) if (this.#shadow[id] !== NO_PACKET) this.#giveUp(id);
    this.abandon();
  }

  /** Gives the pools back, and leaves the packets in the ring to others: the device may still be using them. Idempotent. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.stop();
    this.#sources.close();
  }

  /** Takes a packet out of the ring that the device will not send any more. */
  #giveUp(id: number): void {
    const pool = this.#sources.left(id)?.pool;
    if (!pool) return;
    this.totals[PACKETS]--;
    this.totals[BYTES] -= pool.totalLength(this.#shadow[id]);
    this.state[DROPPED]++;
    this.#giveBack(pool, id);
  }

  readonly #fail = (fault: RingFault, value: number): void => {
    this.stop();
    this.#init.onBroken(describeFault(fault, value));
  };

  /** Makes `pool` the one that is sent from. */
  #select(ring: TxRing, pool: PacketPool): PoolSource {
    if (this.#sources.current?.pool === pool) return this.#sources.current;
    const source = this.#sources.select(pool, ring.frames);
    this.#choose(source);
    return source;
  }

  /** While packets of several pools are in the ring, only the slow path knows where to return them. */
  #choose(source: PoolSource): void {
    this.transmit = this.#sources.mixed ? this.#slowly : source.transmit;
  }

  /** The burst function for packets of one pool: in checked mode, and where headers lie apart, the slow path. */
  #compile(pool: PacketPool, addresses: PacketAddresses): Transmit {
    const { features, maximumFrame } = this.#init;
    if (!this.#ring || pool instanceof CheckedPacketPool || features.separateHeader) return this.#slowly;
    const { buffer, size } = pool.memory;
    return this.#ring.burst({
      pool,
      otherwise: this.#slowly,
      leftover: this.#leftover,
      poolState: pool.state,
      freeStack: pool.stack,
      lengths: pool.length,
      addresses: headerAddresses(addresses, features.headerBytes),
      bytes64: new Float64Array(buffer, 0, size / 8),
      maximumLength: Math.min(maximumFrame, pool.dataSize),
    });
  }

  /** After a burst that queued only the first packets: drops what must be, and goes on if it was that. */
  readonly #leftover = (batch: PacketBatch, queued: number): number => {
    if (queued > 0) batch.shift(queued);
    const stuck = this.#ring === undefined || this.#frames.sendable(batch.pool, batch.packets[0]) > 0;
    return stuck ? queued : queued + this.#slowly(batch);
  };

  /** Any packet the device can take, from any pool; drops and counts the others. */
  readonly #slowly = (batch: PacketBatch): number => {
    const ring = this.#ring;
    if (!ring) return 0;
    if (batch.length === 0) return this.#idle(ring);
    const { pool } = batch;
    const source = this.#select(ring, pool);
    this.#audit.admit(batch);
    const error = this.#takeBack(ring);
    let queued = 0;
    let done = 0;
    for (; this.#ring && done < batch.length; done++) {
      const packet = batch.packets[done];
      const bytes = this.#frames.sendable(pool, packet);
      if (bytes === 0) {
        pool.free(packet);
        this.state[DROPPED]++;
      } else if (this.#enqueue(ring, source, packet)) {
        this.totals[BYTES] += bytes;
        queued++;
      } else {
        break;
      }
    }
    if (done > 0) batch.shift(done);
    this.totals[PACKETS] += queued;
    ring.publish();
    if (error) throw error;
    return queued;
  };

  /** A burst of nothing: packets that have been sent may be all that the receiving side waits for. */
  #idle(ring: TxRing): number {
    const error = this.#takeBack(ring);
    if (error) throw error;
    return 0;
  }

  /** One frame's descriptors; false if there is no room for all of them. */
  #enqueue(ring: TxRing, { pool, addresses }: PoolSource, packet: number): boolean {
    if (this.#frames.descriptors(pool, packet) > ring.free) return false;
    const id = ring.nextId;
    this.#frames.build(pool, addresses, packet, id);
    ring.add(packet, this.#frames.pieces);
    this.#sources.entered(id);
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) this.#audit.queued(pool, segment);
    return true;
  }

  /** Takes back sent packets; returns an error of checked mode to throw once the ring is consistent. */
  #takeBack(ring: TxRing): Error | undefined {
    let error: Error | undefined;
    let released = false;
    for (let id = ring.nextSent(); id >= 0; id = ring.nextSent()) {
      error = this.#release(id) ?? error;
      released = true;
    }
    const { current, mixed } = this.#sources;
    if (current && mixed && released && this.#ring) {
      this.#sources.settle();
      this.#choose(current);
    }
    return error;
  }

  /** Gives the packet of a buffer back to its pool. */
  #release(id: number): Error | undefined {
    const pool = this.#sources.left(id)?.pool;
    return pool && this.#giveBack(pool, id);
  }

  #giveBack(pool: PacketPool, id: number): Error | undefined {
    const packet = this.#shadow[id];
    this.#shadow[id] = NO_PACKET;
    let error: Error | undefined;
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      error = this.#audit.completed(pool, segment) ?? error;
    }
    pool.reclaim(packet);
    return error;
  }
}
