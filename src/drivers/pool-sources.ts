/**
 * The pools that a transmit ring sends from. In the usual case it holds packets of one pool only; while it holds packets of
 * several it is mixed, and the source of each is noted, so that all go back to their own pool.
 */
import type { DmaDomain } from '../memory/dma-memory.ts';
import type { PacketAddresses, PacketPool } from '../memory/packet-pool.ts';
import type { TxQueue } from './net-device.ts';

/** A pool that a ring sends from. */
export interface PoolSource {
  readonly pool: PacketPool;
  readonly addresses: PacketAddresses;
  /** Sends packets of this pool while the ring holds no others. */
  readonly transmit: TxQueue['transmit'];
}

interface Source extends PoolSource {
  /** Its buffers in the ring; kept while the ring is mixed, else 0 for all but the current source. */
  inRing: number;
}

/** So many pools are kept for when the application comes back to them; beyond, those without packets in the ring go. */
const KEPT_POOLS = 256;

export class PoolSources {
  readonly #domain: DmaDomain;
  readonly #compile: (pool: PacketPool, addresses: PacketAddresses) => TxQueue['transmit'];
  readonly #sources = new Map<PacketPool, Source>();
  /** By slot: the source of its buffer; kept while the ring is mixed. */
  readonly #owners: (Source | undefined)[];
  #current: Source | undefined;
  #mixed = false;
  /** Buffers in the ring; kept while it is mixed. */
  #inRing = 0;

  /**
   * Pools are retained in `domain`. `slots`: how many buffers the ring takes. `compile` makes the function that sends from
   * one pool.
   */
  constructor(
    domain: DmaDomain,
    slots: number,
    compile: (pool: PacketPool, addresses: PacketAddresses) => TxQueue['transmit'],
  ) {
    this.#domain = domain;
    this.#compile = compile;
    this.#owners = new Array(slots).fill(undefined);
  }

  /** The source selected last. */
  get current(): PoolSource | undefined {
    return this.#current;
  }

  /** Whether the ring holds, or held at the last `settle`, packets of other sources than the current one. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /**
   * Makes `pool` the current source, while the ring has `used` buffers. Lets go of pools that are closed and not in the
   * ring. Throws what `PacketPool.retain` throws, before anything has changed.
   */
  select(pool: PacketPool, used: number): PoolSource {
    const before = this.#current;
    if (before?.pool === pool) return before;
    const source = this.#sources.get(pool) ?? this.#add(pool);
    if (before && !this.#mixed) {
      before.inRing = used;
      this.#inRing = used;
      if (used > 0) this.#owners.fill(before);
    }
    this.#current = source;
    this.#mixed = this.#inRing > source.inRing;
    this.#releaseIdle((idle) => idle.pool.closed);
    return source;
  }

  /** A buffer of the current source entered the ring. */
  entered(slot: number): void {
    if (!this.#mixed || !this.#current) return;
    this.#owners[slot] = this.#current;
    this.#current.inRing++;
    this.#inRing++;
  }

  /** A buffer left the ring; returns whose it is. `settle` follows once all that leave have been given back. */
  left(slot: number): PoolSource | undefined {
    if (!this.#mixed) return this.#current;
    const source = this.#owners[slot];
    if (!source) return undefined;
    this.#owners[slot] = undefined;
    source.inRing--;
    this.#inRing--;
    return source;
  }

  /** Looks whether the ring is still mixed, and lets go of pools that are closed and not in it any more. */
  settle(): void {
    if (!this.#mixed || !this.#current) return;
    this.#mixed = this.#inRing > this.#current.inRing;
    this.#releaseIdle((idle) => idle.pool.closed);
  }

  /** Lets go of all pools; their buffers have left. */
  close(): void {
    this.#current = undefined;
    this.#mixed = false;
    for (const source of this.#sources.values()) this.#release(source);
  }

  #add(pool: PacketPool): Source {
    const addresses = pool.retain(this.#domain);
    if (this.#sources.size >= KEPT_POOLS) this.#releaseIdle(() => true);
    const source = { pool, addresses, transmit: this.#compile(pool, addresses), inRing: 0 };
    this.#sources.set(pool, source);
    return source;
  }

  #releaseIdle(unwanted: (source: Source) => boolean): void {
    for (const source of this.#sources.values()) {
      if (source !== this.#current && source.inRing === 0 && unwanted(source)) this.#release(source);
    }
  }

  #release(source: Source): void {
    this.#sources.delete(source.pool);
    source.pool.release(this.#domain);
  }
}
