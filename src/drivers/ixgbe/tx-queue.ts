/**
 * One transmit ring. Packets of the usual shape go through a burst function compiled for this ring and their pool;
 * chains, moved headroom, open checksums, several pools in one ring, packets that must be dropped and checked mode take the
 * slow path.
 */
import {
  TX_CMD_DATA,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_PACKET_MINIMUM,
  TX_PAYLEN_SHIFT,
  TX_READ_ADDRESS_HIGH,
  TX_READ_ADDRESS_LOW,
  TX_READ_COMMAND,
  TX_READ_STATUS,
  TX_REPORT_INTERVAL,
  TX_STATUS_DD,
  TX_WB_STATUS,
} from '../../datasheet/ixgbe/descriptors.ts';
import { CheckedPacketPool } from '../../memory/checked-pool.ts';
import { checksumIsInside, completeChecksum, hasOpenChecksum } from '../../memory/complete-checksum.ts';
import type { DmaDomain } from '../../memory/dma-memory.ts';
import type { PacketBatch } from '../../memory/packet-batch.ts';
import { DEFAULT_HEADROOM, NO_PACKET, type PacketAddresses, type PacketPool } from '../../memory/packet-pool.ts';
import { specialise } from '../../specialise.ts';
import type { TxQueue as NetTxQueue } from '../net-device.ts';
import { type PoolSource, PoolSources } from '../pool-sources.ts';
import { createQueueState, restartPositions } from '../queue-memory.ts';
import { TransmitAudit } from '../transmit-audit.ts';
import { commandImages, makeTransmit, type Transmit, TX_CONSTANTS, type TxContext } from './tx-burst.ts';

const { BLOCK, BLOCK_SHIFT, TAIL, USED, OLDEST, DROPPED } = TX_CONSTANTS;
const LEAST_WORDS = 32; // see `createQueueState`
/**
 * Most buffers of one frame. One descriptor in 40 must ask for a report, and only a frame's last one may (8.2.3.9.10): up
 * to 31 before the frame do not, and neither do all but one of its own.
 */
const MAXIMUM_SEGMENTS = TX_REPORT_INTERVAL - (BLOCK - 1);

export interface TxQueueInit {
  /** The ring's memory, zeroed, four words a descriptor. */
  readonly ring: Int32Array;
  readonly doorbells: Int32Array;
  /** Index of this queue's TDT in `doorbells`. */
  readonly doorbell: number;
  /** The device's address space; pools whose packets are sent are retained in it; see `PoolSources`. */
  readonly domain: DmaDomain;
  /** Bytes in the longest frame, without CRC. */
  readonly maximumFrame: number;
  /** Reads this queue's TDH. */
  readonly readHead: () => number;
  /** Positions, which begin anew, and counters, which go on. Default: a state of its own. */
  readonly state?: Int32Array;
}

export class TxQueue implements NetTxQueue {
  /**
   * See `NetTxQueue.transmit`. The burst function of the pool at hand, or the slow path; exchanged when the usual case
   * changes, so that a burst need not ask.
   */
  transmit: Transmit;

  readonly #ring: Int32Array;
  readonly #size: number;
  readonly #init: TxQueueInit;
  /** Positions and counters, in shared memory: for whom the queue is lent to. */
  readonly state: Int32Array;
  readonly #shadow: Int32Array;
  readonly #reports: Int32Array;
  readonly #commands: Float64Array;
  readonly #sources: PoolSources;
  readonly #audit = new TransmitAudit();
  #stopped = false;
  #abandoned = false;

  constructor(init: TxQueueInit) {
    this.#init = init;
    this.#ring = init.ring;
    this.#size = init.ring.length / 4;
    this.state = init.state ?? createQueueState();
    restartPositions(this.state, [DROPPED]);
    this.#shadow = new Int32Array(this.#size);
    this.#sources = new PoolSources(init.domain, this.#size, (pool, addresses) => this.#compile(pool, addresses));
    this.#reports = new Int32Array(Math.max(this.#size / BLOCK, LEAST_WORDS));
    this.#commands = commandImages(init.maximumFrame);
    this.transmit = this.#slowly;
  }

  /** Packets dropped because the device cannot send them: too short, too long, or in more than 9 buffers. */
  get dropped(): number {
    return this.state[DROPPED] >>> 0;
  }

  /**
   * Descriptors that the device has not worked off. Their number in use would not do: a block that is not full is not
   * reported. The head is read for no more than this, and packets may still be on chip then; GPTC tells of those.
   */
  pending(): number {
    if (this.#stopped || this.state[USED] === 0) return 0;
    const head = this.#init.readHead();
    return head < this.#size ? (this.state[TAIL] - head) & (this.#size - 1) : 0;
  }

  /** From now on `transmit` takes nothing. */
  stop(): void {
    this.#stopped = true;
    this.transmit = () => 0;
  }

  /** Gives all packets in the ring back to their pools, and the pools back. The device must have stopped. Idempotent. */
  reclaim(): void {
    if (this.#abandoned) return;
    const { state } = this;
    const mask = this.#size - 1;
    for (let i = state[OLDEST]; state[USED] > 0; i = (i + 1) & mask, state[USED]--) this.#release(i);
    state[OLDEST] = state[TAIL];
    this.abandon();
  }

  /** Gives the pools back, and leaves the packets in the ring to others: the device may still be using them. Idempotent. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.stop();
    this.#sources.close();
  }

  /** Makes `pool` the one that is sent from. */
  #select(pool: PacketPool): PoolSource {
    if (this.#sources.current?.pool === pool) return this.#sources.current;
    const source = this.#sources.select(pool, this.state[USED]);
    this.#choose(source);
    return source;
  }

  /** While packets of several pools are in the ring, only the slow path knows where to return them. */
  #choose(source: PoolSource): void {
    this.transmit = this.#sources.mixed ? this.#slowly : source.transmit;
  }

  /** The burst function for packets of one pool: in checked mode the slow path. */
  #compile(pool: PacketPool, addresses: PacketAddresses): Transmit {
    if (pool instanceof CheckedPacketPool) return this.#slowly;
    const context: TxContext = {
      constants: TX_CONSTANTS,
      pool,
      otherwise: this.#slowly,
      leftover: this.#leftover,
      poolState: pool.state,
      freeStack: pool.stack,
      lengths: pool.length,
      addresses: addresses.image,
      ring: this.#ring,
      ring64: new Float64Array(this.#ring.buffer, this.#ring.byteOffset, this.#ring.length / 2),
      shadow: this.#shadow,
      reports: this.#reports,
      commands: this.#commands,
      state: this.state,
      doorbells: this.#init.doorbells,
      doorbell: this.#init.doorbell,
      size: this.#size,
      maximumLength: Math.min(this.#init.maximumFrame, pool.dataSize),
    };
    return specialise('transmit', makeTransmit)(context);
  }

  /** After a burst that queued only the first packets: drops what must be, and goes on if it was that. */
  readonly #leftover = (batch: PacketBatch, queued: number): number => {
    if (queued > 0) batch.shift(queued);
    return this.#isSendable(batch.pool, batch.packets[0]) ? queued : queued + this.#slowly(batch);
  };

  /** Any packet the device can take, from any pool; drops and counts the others. */
  readonly #slowly = (batch: PacketBatch): number => {
    if (batch.length === 0) return this.#idle();
    const { pool } = batch;
    const source = this.#select(pool);
    this.#audit.admit(batch);
    const error = this.#takeBack();
    let queued = 0;
    let done = 0;
    for (; done < batch.length; done++) {
      const packet = batch.packets[done];
      if (!this.#isSendable(pool, packet)) {
        pool.free(packet);
        this.state[DROPPED]++;
      } else if (this.#enqueue(source, packet)) {
        queued++;
      } else {
        break;
      }
    }
    if (done > 0) batch.shift(done);
    if (queued > 0) this.#init.doorbells[this.#init.doorbell] = this.state[TAIL];
    if (error) throw error;
    return queued;
  };

  /** A burst of nothing: packets that have been sent may be all that the receiving side waits for. */
  #idle(): number {
    const error = this.#takeBack();
    if (error) throw error;
    return 0;
  }

  /** One frame's descriptors; false if there is no room for all of them. */
  #enqueue({ pool, addresses }: PoolSource, packet: number): boolean {
    const state = this.state;
    const mask = this.#size - 1;
    const total = pool.totalLength(packet);
    if (state[USED] + pool.segments(packet) > mask) return false;
    if (hasOpenChecksum(pool, packet)) completeChecksum(pool, packet);
    const first = state[TAIL];
    let index = first;
    let last = first;
    for (let segment = packet; segment !== NO_PACKET; ) {
      const next = pool.unlink(segment);
      const length = pool.length[segment];
      const word = index << 2;
      // Data never leaves its slot, and no slot straddles 4 GiB: the high half holds.
      this.#ring[word + TX_READ_ADDRESS_LOW] =
        addresses.words[segment << 1] + pool.headroom[segment] - DEFAULT_HEADROOM;
      this.#ring[word + TX_READ_ADDRESS_HIGH] = addresses.words[(segment << 1) + 1];
      this.#ring[word + TX_READ_COMMAND] = TX_CMD_DATA | length | (next === NO_PACKET ? TX_CMD_EOP : 0);
      this.#ring[word + TX_READ_STATUS] = total << TX_PAYLEN_SHIFT;
      this.#shadow[index] = segment;
      this.#sources.entered(index);
      this.#audit.queued(pool, segment);
      segment = next;
      last = index;
      index = (index + 1) & mask;
      state[USED]++;
    }
    this.#report(first, last);
    state[TAIL] = index;
    return true;
  }

  /** If the frame is a chain or fills up a block, asks for a report with its last descriptor (RS goes with EOP only). */
  #report(first: number, last: number): void {
    if (first !== last) this.#ring[(last << 2) + TX_READ_COMMAND] |= TX_CMD_RS;
    const blocks = this.#size >> BLOCK_SHIFT;
    const lastIsFull = (last & (BLOCK - 1)) === BLOCK - 1;
    const end = ((last >> BLOCK_SHIFT) + (lastIsFull ? 1 : 0)) % blocks;
    const begin = first >> BLOCK_SHIFT;
    if (begin === end && !lastIsFull) return;
    this.#ring[(last << 2) + TX_READ_COMMAND] |= TX_CMD_RS;
    let block = begin;
    do {
      this.#reports[block] = last;
      block = (block + 1) % blocks;
    } while (block !== end);
  }

  /** Takes back sent packets, block by block; returns an error of checked mode to throw once the ring is consistent. */
  #takeBack(): Error | undefined {
    const state = this.state;
    const mask = this.#size - 1;
    let error: Error | undefined;
    const before = state[USED];
    while (state[USED] >= BLOCK) {
      const reporting = this.#reports[state[OLDEST] >> BLOCK_SHIFT];
      if ((this.#ring[(reporting << 2) + TX_WB_STATUS] & TX_STATUS_DD) === 0) break;
      for (let i = 0; i < BLOCK; i++) error = this.#release(state[OLDEST] + i) ?? error;
      state[OLDEST] = (state[OLDEST] + BLOCK) & mask;
      state[USED] -= BLOCK;
    }
    const { current, mixed } = this.#sources;
    if (current && mixed && state[USED] < before) {
      this.#sources.settle();
      this.#choose(current);
    }
    return error;
  }

  /** Gives the buffer of one descriptor back to its pool. */
  #release(index: number): Error | undefined {
    const source = this.#sources.left(index);
    if (!source) return undefined;
    const segment = this.#shadow[index];
    const error = this.#audit.completed(source.pool, segment);
    source.pool.reclaim(segment);
    return error;
  }

  #isSendable(pool: PacketPool, packet: number): boolean {
    let segments = 0;
    let total = 0;
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      const length = pool.length[segment];
      if (length === 0 || length + pool.headroom[segment] > pool.stride) return false;
      if (++segments > MAXIMUM_SEGMENTS) return false;
      total += length;
    }
    if (hasOpenChecksum(pool, packet) && !checksumIsInside(pool, packet)) return false;
    return total >= TX_PACKET_MINIMUM && total <= this.#init.maximumFrame;
  }
}
