/**
 * Threads that share packets, all of them on one thread, so that everything can be repeated. Each sees the shared arrays
 * through proxies: it can die, or be interrupted by others, between any two stores.
 */
import { vi } from 'vitest';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../../src/memory/packet-pool.ts';
import { type PacketRing, type PacketRingShare, RingConsumer, RingProducer } from '../../src/memory/packet-ring.ts';
import { type PoolShare, SharedPool } from '../../src/memory/shared-pool.ts';

/** Thrown at the store at which a thread dies. */
export class Death extends Error {}

/** `Atomics` that proxies can stand; to be restored with `vi.restoreAllMocks()`. */
export function mockAtomics(onLoad: () => void): void {
  vi.spyOn(Atomics, 'load').mockImplementation((...[words, index]: unknown[]) => {
    onLoad();
    return Reflect.get(words as object, index as number);
  });
  vi.spyOn(Atomics, 'store').mockImplementation((...[words, index, value]: unknown[]) => {
    Reflect.set(words as object, index as number, value);
    return value as bigint;
  });
}

/** A member, as the thread that it runs on sees it. What the program has of packets is in `hand`: whole packets or chains. */
export class Member {
  readonly number: number;
  pool: PacketPool;
  readonly hand: number[] = [];
  alive = true;
  #producers: RingProducer[] = [];
  #consumers: RingConsumer[] = [];
  #storesLeft = Number.POSITIVE_INFINITY;
  #atStore: () => void = () => {};
  readonly #shared: SharedPool;
  readonly #rings: readonly PacketRing[];

  constructor(number: number, shared: SharedPool, rings: readonly PacketRing[]) {
    this.number = number;
    this.#shared = shared;
    this.#rings = rings;
    this.pool = this.start();
  }

  /** A new thread becomes the member. */
  start(): PacketPool {
    this.#storesLeft = Number.POSITIVE_INFINITY;
    const share = this.#shared.share(this.number);
    const tables = this.#watchAll(share.part.tables);
    const membership = this.#watchAll(share.part.membership);
    this.pool = SharedPool.attach({ ...share, part: { tables, membership } } satisfies PoolShare);
    const ends = this.#rings.map((ring) => this.#watchAll(ring.share()));
    this.#producers = ends.filter((end) => end.producer === this.number).map((end) => new RingProducer(end, this.pool));
    this.#consumers = ends.filter((end) => end.consumer === this.number).map((end) => new RingConsumer(end, this.pool));
    this.alive = true;
    return this.pool;
  }

  /** Does `work`, and calls `action` once, at the store after `stores` others; `action` may throw `Death`. */
  interrupted(stores: number, action: () => void, work: () => void): void {
    this.#storesLeft = stores;
    this.#atStore = action;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      this.alive = false;
      this.hand.length = 0;
    }
    this.#storesLeft = Number.POSITIVE_INFINITY;
  }

  allocate(count: number): void {
    const batch = new PacketBatch(count);
    batch.allocate(this.pool, count);
    for (let i = 0; i < batch.length; i++) this.pool.length[batch.packets[i]] = 100;
    this.#keep(batch);
  }

  free(count: number): void {
    const batch = this.#batchOf(count);
    batch.free();
  }

  push(ring: number, count: number): void {
    const producer = this.#producers[ring % (this.#producers.length || 1)];
    if (!producer) return;
    const batch = this.#batchOf(count);
    producer.transmit(batch);
    this.#keep(batch);
  }

  /** Takes back what others have returned. */
  reap(): void {
    for (const producer of this.#producers) producer.pending();
  }

  pop(ring: number, count: number): void {
    const consumer = this.#consumers[ring % (this.#consumers.length || 1)];
    if (!consumer) return;
    const batch = new PacketBatch(count);
    consumer.receive(batch);
    this.#keep(batch);
  }

  /** Makes one of its packets a special one, in one way or another. */
  decorate(way: number): void {
    const { pool, hand } = this;
    if (hand.length < 2) return;
    const [first, second] = hand;
    if (way % 4 === 0 && pool.headroom[first] >= 8) pool.prepend(first, 8);
    if (way % 4 === 1) pool.requestChecksum(first, 20, 6);
    if (way % 4 === 2 && pool.segments(first) + pool.segments(second) <= 5) {
      hand.splice(1, 1);
      pool.chain(first, second);
    }
    if (way % 4 === 3) {
      const rest = pool.unlink(first);
      if (rest !== NO_PACKET) hand.push(rest);
    }
  }

  #batchOf(count: number): PacketBatch {
    const batch = new PacketBatch(Math.max(1, count));
    batch.adopt(this.pool);
    for (const packet of this.hand.splice(0, count)) batch.push(packet);
    return batch;
  }

  #keep(batch: PacketBatch): void {
    this.hand.push(...batch.packets.subarray(0, batch.length));
    batch.length = 0;
  }

  /** The same object, with arrays whose stores count. */
  #watchAll<T extends object>(object: T): T {
    const entries = Object.entries(object).map(([key, value]) => [
      key,
      ArrayBuffer.isView(value) ? this.#watch(value) : value,
    ]);
    return Object.fromEntries(entries) as T;
  }

  #watch(array: object): object {
    return new Proxy(array, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set: (target, key, value) => {
        if (this.#storesLeft-- === 0) this.#atStore();
        return Reflect.set(target, key, value, target);
      },
    });
  }
}

/** Entries of a ring that have been handed over and not been taken, in one direction. */
export function published({ counters, lane, back }: PacketRingShare, direction: 'there' | 'back'): number[] {
  const [entries, from, to] =
    direction === 'there' ? [lane, counters[64], counters[32]] : [back, counters[33], counters[65]];
  const result: number[] = [];
  for (let i = from; i !== to; i = (i + 1) | 0) {
    const entry = entries[i & (entries.length - 1)];
    result.push(entry < 0 ? ~entry : entry);
  }
  return result;
}
