/**
 * Packets that all are a template's. One that fits a buffer is written to every buffer of the pool once: buffers come back
 * as they were sent. A longer one is a chain, whose buffers come back one by one and in any order, and is written anew.
 */
import type { NetDevice } from '../drivers/net-device.ts';
import { checkInteger } from '../errors.ts';
import { allocatorLike } from '../memory/allocator-like.ts';
import { HUGE_PAGE_2_MIB } from '../memory/huge-pages.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import { PacketPool } from '../memory/packet-pool.ts';
import type { PacketTemplate } from '../packets/index.ts';

/** The longest transmit ring: a pool that a ring could hold all of would never get a packet back. */
const LONGEST_RING = 4096;
const LONGEST_FRAME = 9514;

export class TemplatePackets {
  readonly pool: PacketPool;
  readonly #template: PacketTemplate;
  /** Buffers that one packet takes. */
  readonly #segments: number;

  /**
   * For bursts of up to `batchSize` packets, in memory of the kind that `device` receives to. The pool is never a checked
   * one: checked pools overwrite what is freed. Throws `ERR_ARGUMENT`, or what allocating memory throws.
   */
  constructor(device: NetDevice, template: PacketTemplate, batchSize: number) {
    checkInteger('bytes of a generated packet', template.size, 1, LONGEST_FRAME);
    this.#template = template;
    this.#segments = Math.ceil(template.size / PacketPool.DATA_SIZE);
    const allocate = allocatorLike(device.rx[0].pool.memory);
    const buffers = LONGEST_RING + batchSize * this.#segments;
    this.pool = new PacketPool(allocate(PacketPool.memorySize(buffers, HUGE_PAGE_2_MIB)), { name: 'generator pool' });
    if (this.#segments === 1) this.#prefill();
  }

  /** Appends up to `count` packets to `batch`; returns how many the pool had. */
  take(batch: PacketBatch, count: number): number {
    return this.#segments === 1 ? batch.allocate(this.pool, count) : this.#takeChains(batch, count);
  }

  #takeChains(batch: PacketBatch, count: number): number {
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
    const all = pool.stack.subarray(0, pool.capacity);
    this.#template.writeAll(
      pool.bytes,
      Array.from(all, (packet) => pool.offset(packet)),
    );
    pool.length.fill(this.#template.size);
  }
}
