/**
 * One numbering of packets for several threads. Each thread, a *member*, has a `PacketPool` of its own over the same memory
 * and tables, with a free list that nobody else touches: allocating and freeing take no lock and no atomic operation. Packets
 * change threads through rings (packet-ring.ts), and for each that comes another goes back, so that nobody runs dry.
 */
import { randomUUID } from 'node:crypto';
import { checkInteger, IxyError } from '../errors.ts';
import { CheckedPacketPool, checkedByDefault, createPacketPool } from './checked-pool.ts';
import type { DmaMemory } from './dma-memory.ts';
import type { PacketPool } from './packet-pool.ts';
import { POOL_TOP } from './pool-state.ts';
import { freeLists, type Membership, type PoolPart, packetTables, slotsIn, usableSlots } from './pool-tables.ts';
import { reclaimAll } from './recover-packets.ts';
import { markPublished, type PacketRingShare } from './ring-state.ts';
import { attachMemory, type MemoryShare, shareMemory } from './shared-memory.ts';

export interface SharedPoolOptions {
  /** Threads that have packets, this one included: 1 … 255. */
  readonly members: number;
  /** Shown in messages. */
  readonly name?: string;
  /** Whether all members check who owns what; default: where IXY_CHECK is 1. */
  readonly checked?: boolean;
}

/** What another thread needs to become a member; it may be posted there, or passed as its `workerData`. */
export interface PoolShare {
  readonly memory: MemoryShare;
  readonly name: string;
  readonly checked: boolean;
  readonly part: PoolPart;
}

/** Holder of slots that are no packets. */
const NOBODY = 255;

/** Packets for several threads. Whoever makes it closes it, after the other threads have ended. */
export class SharedPool {
  readonly name: string;
  readonly memory: DmaMemory;
  readonly members: number;
  /** Packets that exist, over all members. */
  readonly capacity: number;
  /** Tells this pool's packets from those of others. */
  readonly id = randomUUID();
  readonly #checked: boolean;
  readonly #holder: Uint8Array;
  readonly #parts: PoolPart[];
  readonly #views: PacketPool[];
  readonly #rings: PacketRingShare[] = [];
  #viewsInUse: number;

  /**
   * Takes over `memory`, and gives each member an equal slice of its packets: 0 is for this thread, 1 and up for others.
   * Throws `ERR_ARGUMENT` if there is less than a packet for each.
   */
  constructor(memory: DmaMemory, options: SharedPoolOptions) {
    checkInteger('members of a shared pool', options.members, 1, NOBODY);
    this.name = options.name ?? 'shared pool';
    this.memory = memory;
    this.members = options.members;
    this.#checked = options.checked ?? checkedByDefault();
    const slots = slotsIn(memory);
    const usable = usableSlots(memory);
    const each = Math.floor(usable.length / this.members);
    if (each === 0) {
      throw new IxyError(
        'ERR_ARGUMENT',
        `${this.name}: ${memory.size} bytes hold no packet for each of ${this.members}`,
      );
    }
    this.capacity = each * this.members;
    const packets = packetTables(slots, allocateShared);
    const lists = freeLists(usable, slots, each, this.members, allocateShared);
    this.#holder = new Uint8Array(allocateShared(slots)).fill(NOBODY);
    for (let i = 0; i < this.capacity; i++) this.#holder[usable[i]] = Math.floor(i / each);
    const owners = this.#checked ? new Uint8Array(allocateShared(slots)) : undefined;
    const common = { shared: this.id, holder: this.#holder, owners };
    this.#parts = lists.map((list, member) => ({
      tables: { ...packets, ...list },
      membership: { ...common, member },
    }));
    this.#views = this.#parts.map((part, member) => {
      const onRelease = (): void => this.#released();
      return createPacketPool(memory, { name: this.#nameOf(member), checked: this.#checked, onRelease }, part);
    });
    this.#viewsInUse = this.members;
    for (const view of this.#views) resetFree(view);
  }

  /** The member's pool on this thread: for the one member that this thread is. Do not close it; `close` does. */
  view(member: number): PacketPool {
    return this.#views[this.#check(member)];
  }

  /**
   * What makes another thread that member, through `SharedPool.attach`. No two threads may be one member at a time. Throws
   * `ERR_ARGUMENT` if the memory cannot be shared.
   */
  share(member: number): PoolShare {
    const part = this.#parts[this.#check(member)];
    return { memory: shareMemory(this.memory), name: this.#nameOf(member), checked: this.#checked, part };
  }

  /** On another thread: the member's pool. Closing it gives back this thread's mapping of the memory. */
  static attach(share: PoolShare): PacketPool {
    const { name, checked, part } = share;
    return createPacketPool(attachMemory(share.memory), { name, checked }, part);
  }

  /** Free packets, over all members; while they work, what it was a moment ago. */
  available(): number {
    return this.#parts.reduce((sum, { tables }) => sum + Atomics.load(tables.state, POOL_TOP), 0);
  }

  /** Packets that the member has: free, in its queues, on their way in rings that it fills, and in its hands. */
  held(member: number): number {
    this.#check(member);
    return this.#holder.reduce((count, holder) => (holder === member ? count + 1 : count), 0);
  }

  /**
   * Takes over for a member whose thread has ended, and whose queues have been stopped: its packets are free again, wherever
   * it was when it died, except those that wait in rings, which go on to whom they were for. Returns how many were not free.
   * Other members need not stop. A new thread may become the member afterwards.
   */
  recover(member: number): number {
    const part = this.#parts[this.#check(member)];
    const published = new Uint8Array(this.#holder.length);
    // Before anybody's `holder` is looked at: what leaves a ring from now on has changed holders, or is marked here.
    for (const ring of this.#rings) {
      if (ring.producer === member || ring.consumer === member) markPublished(ring, published);
    }
    const recovered = reclaimAll(part, published);
    resetFree(this.#views[member]);
    return recovered;
  }

  /** For `PacketRing`: what lies in `ring` is on its way, whoever dies. */
  register(ring: PacketRingShare): void {
    this.#check(ring.producer);
    this.#check(ring.consumer);
    this.#rings.push(ring);
  }

  /**
   * The memory goes back to the system when the last device of this thread has released it. Idempotent. In checked mode throws
   * `ERR_PACKET_OWNERSHIP` if an application still has packets.
   */
  close(): void {
    const failures = this.#views.flatMap((view) => {
      try {
        view.close();
        return [];
      } catch (error) {
        return [error];
      }
    });
    if (failures.length > 0) throw failures[0];
  }

  #released(): void {
    if (--this.#viewsInUse === 0) this.memory.free();
  }

  #nameOf(member: number): string {
    return `${this.name}, member ${member}`;
  }

  #check(member: number): number {
    checkInteger(`${this.name}: member`, member, 0, this.members - 1);
    return member;
  }
}

function allocateShared(size: number): SharedArrayBuffer {
  return new SharedArrayBuffer(size);
}

function resetFree(view: PacketPool): void {
  if (view instanceof CheckedPacketPool) view.resetFree();
}

/** Throws `ERR_ARGUMENT` unless `pool` is that of `member` over the packets that `shared` names. */
export function expectMember(pool: PacketPool, shared: string, member: number): Membership {
  const { membership } = pool;
  if (membership?.shared === shared && membership.member === member) return membership;
  throw new IxyError(
    'ERR_ARGUMENT',
    `${pool.name} must be member ${member} of the shared pool that the ring was made for`,
  );
}
