/**
 * Packets that all are a template's. One that fits a buffer is written to every buffer of the pool once: buffers come back
 * as they were sent. A longer one is a chain, whose buffers come back one by one and in any order, and is written anew.
 */
import { checkInteger } from '../errors.ts';
import { allocatorLike } from '../memory/allocator-like.ts';
import { CheckedPacketPool } from '../memory/checked-pool.ts';
import { HUGE_PAGE_2_MIB } from '../memory/huge-pages.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import { PacketPool } from '../memory/packet-pool.ts';
import type { PacketTemplate } from '../packets/index.ts';
import type { LoopPort } from './loop-port.ts';

/** The longest transmit ring: a pool that a ring could hold all of would never get a packet back. */
const LONGEST_RING = 4096;
const LONGEST_FRAME = 9514;

export class TemplatePackets {
  readonly pool: PacketPool;
  readonly #template: PacketTemplate;
  /** Buffers that one packet takes. */
  readonly #segments: number;

  /** What the pool's packets hold when they come back may be another's: they are chains, or the pool overwrites them. */
  readonly #writesAll: boolean;
  readonly #owned: boolean;

  /**
   * For bursts of up to `batchSize` packets to each queue of `port`. `pool`: whose packets to use, of which nobody else takes
   * any; default: one of its own, in memory of the kind that `port` receives to, without checks. Throws `ERR_ARGUMENT`, or what
   * allocating memory throws.
   */
  constructor(port: LoopPort, template: PacketTemplate, batchSize: number, pool?: PacketPool) {
    checkInteger('bytes of a generated packet', template.size, 1, LONGEST_FRAME);
    this.#template = template;
    this.#segments = Math.ceil(template.size / PacketPool.DATA_SIZE);
    this.#owned = pool === undefined;
    this.pool = pool ?? createPool(port, port.tx.length * (LONGEST_RING + batchSize * this.#segments));
    this.#writesAll = this.#segments > 1 || this.pool instanceof CheckedPacketPool;
    if (!this.#writesAll) this.#prefill();
  }

  /** Appends up to `count` packets to `batch`; returns how many the pool had. */
  take(batch: PacketBatch, count: number): number {
    return this.#writesAll ? this.#takeWritten(batch, count) : batch.allocate(this.pool, count);
  }

  /** Gives up a pool of its own, which lives on until the port is closed. */
  close(): void {
    if (this.#owned) this.pool.close();
  }

  #takeWritten(batch: PacketBatch, count: number): number {
    const { pool } = this;
    const taken = Math.min(count, Math.floor(pool.available / this.#segments));
    batch.adopt(pool);
    for (let i = 0; i < taken; i++) batch.push(this.#writeChain());
    return taken;
  }

  #writeChain(): number {
    const { pool } = this;
    const first = this.#writeSegment(0);
    for (let from = pool.dataSize, last = first; from < this.#template.size; from += pool.dataSize) {
      const segment = this.#writeSegment(from);
      pool.chain(last, segment);
      last = segment;
    }
    return first;
  }

  /** A buffer with the template's bytes from `from` on, as many as it holds. */
  #writeSegment(from: number): number {
    const { pool } = this;
    const segment = pool.allocate();
    const length = Math.min(this.#template.size - from, pool.dataSize);
    pool.length[segment] = length;
    this.#template.writePart(pool.bytes, pool.offset(segment), from, length);
    return segment;
  }

  #prefill(): void {
    const { pool } = this;
    const all = pool.stack.subarray(0, pool.available);
    this.#template.writeAll(
      pool.bytes,
      Array.from(all, (packet) => pool.offset(packet)),
    );
    for (const packet of all) pool.length[packet] = this.#template.size;
  }
}

function createPool(port: LoopPort, buffers: number): PacketPool {
  const allocate = allocatorLike(port.rx[0].pool.memory);
  return new PacketPool(allocate(PacketPool.memorySize(buffers, HUGE_PAGE_2_MIB)), { name: 'generator pool' });
}
