/**
 * Packet buffers in DMA memory. A packet is a small integer, the number of its slot; everything known about it lies in
 * typed arrays indexed by that number, outside the buffers, so that the hot path touches no packet it need not touch.
 */
import { checkInteger, IxyError } from '../errors.ts';
import type { DmaDomain, DmaMemory } from './dma-memory.ts';
import { DEFAULT_HEADROOM, type PacketAddresses, packetAddresses, SLOT_STRIDE, straddlesPage } from './packet-slots.ts';
import { CHECKSUM_PARTIAL, NO_PACKET, POOL_MOVED, POOL_SPECIAL, POOL_TOP } from './pool-state.ts';
import { type Membership, type PoolPart, privateTables } from './pool-tables.ts';

export { DEFAULT_HEADROOM, type PacketAddresses, SLOT_STRIDE } from './packet-slots.ts';
export { CHECKSUM_PARTIAL, CHECKSUM_VERIFIED, NO_PACKET, POOL_MOVED, POOL_SPECIAL, POOL_TOP } from './pool-state.ts';

interface Mapping extends PacketAddresses {
  users: number;
}

/** How a pool is called, and what becomes of its memory. */
export interface PacketPoolOptions {
  /** Shown in messages. */
  readonly name?: string;
  /** Gives the memory back after the pool is closed and its last user has released it. Default: `memory.free`. */
  readonly onRelease?: () => void;
}

/** Equal buffers of 2048 bytes and 64 of headroom. Whoever makes a pool closes it. */
export class PacketPool {
  /** `dataSize` of every pool. */
  static readonly DATA_SIZE = SLOT_STRIDE - DEFAULT_HEADROOM;

  readonly name: string;
  readonly memory: DmaMemory;
  /** All the pool's bytes. Packet `p` begins at `offset(p)` and has `length[p]` bytes. */
  readonly bytes: Uint8Array;
  /** Bytes from one slot to the next. */
  readonly stride = SLOT_STRIDE;
  /** Data bytes that a buffer takes behind the default headroom: what a receive descriptor may announce. */
  readonly dataSize = PacketPool.DATA_SIZE;
  /** Packets that exist, free or not. */
  readonly capacity: number;
  /** Bytes of data in this buffer (of a chain: in this segment), by packet. */
  readonly length: Uint16Array;
  /** Bytes between the slot's begin and the data, by packet. Move it with `prepend` and `trimFront`. */
  readonly headroom: Uint16Array;
  /**
   * `CHECKSUM_…` bits by packet (of a chain: its first segment). PARTIAL is counted: set it with `requestChecksum`, and let
   * `completeChecksum` clear it. VERIFIED means something only in packets from a receive queue with checksum offload, which
   * writes it anew for each, and until the packet is changed: bursts give packets back without clearing it, so that allocated
   * packets, and those from other queues, may still have it from an earlier use.
   */
  readonly offloads: Uint8Array;
  /** For PARTIAL packets: bytes from the packet's begin to where the checksum begins, and from there to its field. */
  readonly checksumStart: Uint16Array;
  readonly checksumOffset: Uint16Array;
  /**
   * What the NIC hashed the packet's flow to, by packet (of a chain: its first segment); 0 for one that it does not hash. Means
   * something only in packets from a receive queue with `rss.hash`, which writes it anew for each.
   */
  readonly rssHash: Uint32Array;
  /**
   * Next segment of a chain, or NO_PACKET. Free packets and single-buffer packets have NO_PACKET. Make links with `chain`, and
   * undo them with `unlink`: they are counted.
   */
  readonly next: Int32Array;
  /** For queues: free packets are `stack[0 … state[POOL_TOP]-1]`. */
  readonly stack: Int32Array;
  /** For queues: see POOL_TOP and its neighbours. */
  readonly state: Int32Array;
  /** Absent in a pool that belongs to one thread alone. */
  readonly membership: Membership | undefined;

  readonly #mappings = new Map<DmaDomain, Mapping>();
  readonly #onRelease: () => void;
  #closed = false;
  #released = false;

  /**
   * Takes over `memory`: it is freed when the pool is closed and unused. At least one slot must fit in. `part` is for
   * `SharedPool`.
   */
  constructor(memory: DmaMemory, options: PacketPoolOptions = {}, part?: PoolPart) {
    this.name = options.name ?? 'pool';
    this.memory = memory;
    this.bytes = new Uint8Array(memory.buffer, 0, memory.size);
    this.#onRelease = options.onRelease ?? (() => memory.free());
    const tables = part?.tables ?? privateTables(memory);
    this.length = tables.length;
    this.headroom = tables.headroom;
    this.offloads = tables.offloads;
    this.checksumStart = tables.checksumStart;
    this.checksumOffset = tables.checksumOffset;
    this.rssHash = tables.rssHash;
    this.next = tables.next;
    this.stack = tables.stack;
    this.state = tables.state;
    this.capacity = tables.capacity;
    this.membership = part?.membership;
    if (this.capacity === 0) throw new IxyError('ERR_ARGUMENT', `${this.name}: ${memory.size} bytes hold no packet`);
  }

  /** Bytes of memory that a pool of `packets` needs when buffers must not straddle multiples of `pageSize`. */
  static memorySize(packets: number, pageSize: number): number {
    checkInteger('packets', packets, 1, 2 ** 22);
    const perPage = Math.floor(pageSize / SLOT_STRIDE);
    // With pages of 4 KiB hardly one slot in two is usable; count slots rather than divide.
    if (perPage < 64) {
      let slot = 0;
      for (let usable = 0; usable < packets; slot++) if (!straddlesPage(slot, pageSize)) usable++;
      return Math.ceil((slot * SLOT_STRIDE) / pageSize) * pageSize;
    }
    return Math.ceil((packets * SLOT_STRIDE + Math.ceil(packets / perPage) * SLOT_STRIDE) / pageSize) * pageSize;
  }

  /** Packets that can be allocated now. */
  get available(): number {
    return this.state[POOL_TOP];
  }

  /** Index in `bytes` of the packet's first data byte. */
  offset(packet: number): number {
    return packet * SLOT_STRIDE + this.headroom[packet];
  }

  /** Takes one packet: length 0, default headroom, no chain. NO_PACKET if the pool is empty. The caller owns it. */
  allocate(): number {
    if (this.state[POOL_TOP] === 0) return NO_PACKET;
    const packet = this.stack[--this.state[POOL_TOP]];
    this.length[packet] = 0;
    return packet;
  }

  /** Gives back one of the caller's packets, with all segments of its chain. */
  free(packet: number): void {
    this.reclaim(packet);
  }

  /** For queues: gives back a packet that a ring held, with all segments of its chain. */
  reclaim(packet: number): void {
    for (let segment = packet; segment !== NO_PACKET; ) {
      const next = this.unlink(segment);
      this.freeSegment(segment);
      segment = next;
    }
  }

  /** Moves up to `count` free packets to `target[from …]`; returns how many. Their lengths are what they were before. */
  take(target: Int32Array, from: number, count: number): number {
    const stack = this.stack;
    let top = this.state[POOL_TOP];
    const taken = Math.min(count, top);
    for (let i = from, end = from + taken; i < end; i++) target[i] = stack[--top];
    this.state[POOL_TOP] = top;
    return taken;
  }

  /** Gives back the caller's packets `source[from … from+count-1]`, chains included. */
  give(source: Int32Array, from: number, count: number): void {
    const { stack, state } = this;
    const end = from + count;
    if ((state[POOL_MOVED] | state[POOL_SPECIAL]) !== 0) {
      for (let i = from; i < end; i++) this.free(source[i]);
      return;
    }
    let top = state[POOL_TOP];
    for (let i = from; i < end; i++) stack[top++] = source[i];
    state[POOL_TOP] = top;
  }

  /** Grows the packet by `count` bytes at its front (an encapsulation header). Throws if the headroom is too small. */
  prepend(packet: number, count: number): void {
    const headroom = this.headroom[packet];
    checkInteger(`${this.name}: bytes to prepend`, count, 0, headroom);
    this.#moveData(packet, headroom - count, count);
  }

  /** Cuts `count` bytes off the packet's front. Throws if its first segment is shorter. */
  trimFront(packet: number, count: number): void {
    checkInteger(`${this.name}: bytes to trim`, count, 0, this.length[packet]);
    this.#moveData(packet, this.headroom[packet] + count, -count);
  }

  /**
   * Leaves the transport checksum of one of the caller's packets to whoever sends it: the device where it can, else the
   * driver. `start`: bytes to the transport header; `offset`: bytes from there to the checksum, which must hold the sum of
   * the pseudo header.
   */
  requestChecksum(packet: number, start: number, offset: number): void {
    checkInteger(`${this.name}: checksum start`, start, 0, this.length[packet]);
    checkInteger(`${this.name}: checksum offset`, offset, 0, this.length[packet] - start - 2);
    this.checksumStart[packet] = start;
    this.checksumOffset[packet] = offset;
    if ((this.offloads[packet] & CHECKSUM_PARTIAL) === 0) this.state[POOL_SPECIAL]++;
    this.offloads[packet] = CHECKSUM_PARTIAL;
  }

  /** For whoever has completed a packet's open checksum. */
  clearOpenChecksum(packet: number): void {
    if ((this.offloads[packet] & CHECKSUM_PARTIAL) !== 0) this.state[POOL_SPECIAL]--;
    this.offloads[packet] &= ~CHECKSUM_PARTIAL;
  }

  /** Appends `tail` (a packet or chain of this pool) to the chain that begins with `packet`. */
  chain(packet: number, tail: number): void {
    let last = packet;
    while (this.next[last] !== NO_PACKET) last = this.next[last];
    if (tail !== NO_PACKET) this.state[POOL_SPECIAL]++;
    this.next[last] = tail;
  }

  /** Ends a chain behind one of its segments; what comes next, now a packet or chain of its own, or NO_PACKET. */
  unlink(segment: number): number {
    const next = this.next[segment];
    if (next !== NO_PACKET) this.state[POOL_SPECIAL]--;
    this.next[segment] = NO_PACKET;
    return next;
  }

  /** Bytes in the whole packet, over all its segments. */
  totalLength(packet: number): number {
    let total = 0;
    for (let segment = packet; segment !== NO_PACKET; segment = this.next[segment]) {
      total += this.length[segment];
    }
    return total;
  }

  /** Buffers that the whole packet takes. */
  segments(packet: number): number {
    let count = 0;
    for (let segment = packet; segment !== NO_PACKET; segment = this.next[segment]) count++;
    return count;
  }

  /**
   * Makes the pool reachable in `domain` and returns its packets' device addresses there. Each call needs a `release`;
   * memory is not freed before the last one.
   */
  retain(domain: DmaDomain): PacketAddresses {
    if (this.#released) throw new IxyError('ERR_CLOSED', `${this.name}: the pool is closed`);
    let mapping = this.#mappings.get(domain);
    if (!mapping) {
      domain.map(this.memory);
      mapping = { ...packetAddresses(this.memory, domain, this.length.length), users: 0 };
      this.#mappings.set(domain, mapping);
    }
    mapping.users++;
    return mapping;
  }

  /** Takes back one `retain`. Throws `ERR_DMA_UNMAPPED` if there was none. No device may use the addresses any more. */
  release(domain: DmaDomain): void {
    const mapping = this.#mappings.get(domain);
    if (!mapping) throw new IxyError('ERR_DMA_UNMAPPED', `${this.name}: released in a domain that does not use it`);
    if (--mapping.users > 0) return;
    this.#mappings.delete(domain);
    domain.unmap(this.memory);
    this.#freeMemoryIfUnused();
  }

  /** Whether `close` has been called: nobody allocates from it any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** No new users; the memory goes back to the system when the last device has released it. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#freeMemoryIfUnused();
  }

  /** Gives back one segment, whose link is undone. */
  protected freeSegment(segment: number): void {
    if (this.headroom[segment] !== DEFAULT_HEADROOM) {
      this.headroom[segment] = DEFAULT_HEADROOM;
      this.state[POOL_MOVED]--;
    }
    this.clearOpenChecksum(segment);
    this.offloads[segment] = 0;
    this.stack[this.state[POOL_TOP]++] = segment;
  }

  #moveData(packet: number, headroom: number, growth: number): void {
    const before = this.headroom[packet];
    if (before === DEFAULT_HEADROOM && headroom !== DEFAULT_HEADROOM) this.state[POOL_MOVED]++;
    if (before !== DEFAULT_HEADROOM && headroom === DEFAULT_HEADROOM) this.state[POOL_MOVED]--;
    this.headroom[packet] = headroom;
    this.length[packet] += growth;
    this.checksumStart[packet] += growth; // if that was cut off, it wraps and lies outside
  }

  #freeMemoryIfUnused(): void {
    if (!this.#closed || this.#released || this.#mappings.size > 0) return;
    this.#released = true;
    this.#onRelease();
  }
}
