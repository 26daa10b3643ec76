/**
 * The least that drives a virtqueue by the book (virtio 1.2, sections 2.7.13, 2.7.14, 2.8.21 and 2.8.22): for tests of the
 * device's side, apart from src/drivers. The words of the ring are there for tests that do it wrong.
 */
import {
  EVENT_DESCRIPTOR,
  EVENT_DISABLE,
  EVENT_FLAGS,
  EVENT_WRAP,
  PACKED_FLAG_AVAIL,
  PACKED_FLAG_USED,
  packedLayout,
} from '../../../src/datasheet/virtio/packed-ring.ts';
import {
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  availableEventWord,
  passesEvent,
  splitLayout,
  USED_FLAG_NO_NOTIFY,
  USED_INDEX,
  USED_RING_WORD,
} from '../../../src/datasheet/virtio/split-ring.ts';
import type { EmulatedDomain } from '../../../src/emulation/iommu.ts';
import { addressHigh, addressLow, type DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';

const NEXT = 1;
const WRITE = 2;

/** One buffer of a chain, by device address. */
export interface Part {
  readonly address: number;
  readonly length: number;
  readonly writes?: boolean;
}

/** What the device gave back. */
interface Returned {
  readonly id: number;
  readonly length: number;
}

export interface RingDriver {
  readonly size: number;
  readonly memory: DmaMemory;
  /** Device addresses of the three parts. */
  readonly addresses: { readonly descriptors: number; readonly driver: number; readonly device: number };
  /** The whole queue, as words of 32 and of 16 bits. */
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  /** One word: 0 if the driver wants interrupts, 1 if not. */
  readonly interruptFlags: Uint16Array;
  /** Descriptors that are free. */
  readonly free: number;
  /** Puts a chain into descriptors; returns its id. The device does not see it before `publish`. */
  offer(parts: readonly Part[]): number;
  /** Makes what was offered available. True if the device wants to be notified. */
  publish(): boolean;
  /** Everything that the device gave back since the last call, also what it skipped (IN_ORDER). */
  reap(): Returned[];
  /** Wants an interrupt when the `nth` descriptor (split: buffer) from the next one on is used; −1: none. EVENT_IDX. */
  wantInterruptAt(nth: number): void;
}

abstract class Ring {
  readonly size: number;
  readonly memory: DmaMemory;
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly base: number;
  /** Descriptors in each chain that the device has, in the order in which it got them. */
  readonly chains = new Map<number, number>();
  free: number;

  constructor(domain: EmulatedDomain, size: number, bytes: number) {
    this.size = size;
    this.free = size;
    this.memory = allocatePlainMemory(bytes);
    this.words = new Int32Array(this.memory.buffer);
    this.halves = new Uint16Array(this.memory.buffer);
    domain.map(this.memory);
    this.base = domain.addressOf(this.memory, 0);
  }

  /** Chains up to and with the one given back: without IN_ORDER only that one. */
  settle(id: number, length: number, inOrder: boolean): Returned[] {
    if (!this.chains.has(id)) throw new Error(`the device gave back ${id}, which it does not have`);
    const ids = inOrder ? [...this.chains.keys()] : [id];
    const settled = ids.slice(0, ids.indexOf(id) + 1);
    for (const each of settled) {
      this.free += this.chains.get(each) ?? 0;
      this.chains.delete(each);
    }
    return settled.map((each) => ({ id: each, length: each === id ? length : -1 }));
  }

  /** Ids in an order that is none, unless the driver must keep one. The device uses buffers as they come: so do we. */
  idAt(nth: number, inOrder: boolean): number {
    return inOrder ? nth % this.size : this.size - 1 - (nth % this.size);
  }
}

export class SplitDriver extends Ring implements RingDriver {
  readonly addresses: RingDriver['addresses'];
  readonly interruptFlags: Uint16Array;
  readonly available: Uint16Array;
  readonly used: Uint16Array;
  readonly #usedWords: Int32Array;
  readonly #eventIndex: boolean;
  readonly #inOrder: boolean;
  #allocated = 0;
  #index = 0;
  #offered = 0;
  #reaped = 0;

  constructor(domain: EmulatedDomain, size: number, { eventIndex = false, inOrder = false } = {}) {
    const layout = splitLayout(size, 64);
    super(domain, size, layout.bytes);
    this.#eventIndex = eventIndex;
    this.#inOrder = inOrder;
    this.addresses = {
      descriptors: this.base,
      driver: this.base + layout.available,
      device: this.base + layout.used,
    };
    this.available = this.halves.subarray(layout.available / 2, layout.available / 2 + 3 + size);
    this.used = this.halves.subarray(layout.used / 2, layout.used / 2 + 3 + 4 * size);
    this.#usedWords = this.words.subarray(layout.used / 4, layout.used / 4 + 1 + 2 * size);
    this.interruptFlags = this.available.subarray(0, 1);
  }

  offer(parts: readonly Part[]): number {
    if (parts.length > this.free) throw new Error('no descriptors left');
    const descriptors = parts.map(() => this.idAt(this.#allocated++, this.#inOrder));
    parts.forEach(({ address, length, writes }, i) => {
      const last = i === parts.length - 1;
      const flags = (last ? 0 : NEXT) | (writes ? WRITE : 0);
      const next = last ? 0 : descriptors[i + 1];
      this.words.set([addressLow(address), addressHigh(address), length, flags | (next << 16)], descriptors[i] * 4);
    });
    const [head] = descriptors;
    this.available[AVAILABLE_RING + ((this.#index + this.#offered) & (this.size - 1))] = head;
    this.#offered++;
    this.chains.set(head, parts.length);
    this.free -= parts.length;
    return head;
  }

  publish(): boolean {
    if (this.#offered === 0) return false;
    const before = this.#index;
    this.#index = (before + this.#offered) & 0xffff;
    this.#offered = 0;
    Atomics.store(this.available, AVAILABLE_INDEX, this.#index);
    if (!this.#eventIndex) return this.used[0] !== USED_FLAG_NO_NOTIFY;
    return passesEvent(this.used[availableEventWord(this.size)], this.#index, before);
  }

  reap(): Returned[] {
    const returned: Returned[] = [];
    for (const index = this.used[USED_INDEX]; this.#reaped !== index; ) {
      const at = USED_RING_WORD + 2 * (this.#reaped & (this.size - 1));
      const settled = this.settle(this.#usedWords[at], this.#usedWords[at + 1], this.#inOrder);
      this.#reaped = (this.#reaped + settled.length) & 0xffff;
      returned.push(...settled);
    }
    return returned;
  }

  wantInterruptAt(nth: number): void {
    this.available[AVAILABLE_RING + this.size] = nth < 0 ? this.#reaped - 1 : this.#reaped + nth;
  }
}

export class PackedDriver extends Ring implements RingDriver {
  readonly addresses: RingDriver['addresses'];
  readonly interruptFlags: Uint16Array;
  /** The driver's event suppression structure, and the device's. */
  readonly driverEvent: Uint16Array;
  readonly deviceEvent: Uint16Array;
  readonly #inOrder: boolean;
  #allocated = 0;
  #slot = 0;
  #wrap = 1;
  #usedSlot = 0;
  #usedWrap = 1;
  /** First descriptors of chains that are offered, with their last words. */
  readonly #held: [slot: number, idFlags: number][] = [];
  #offered = 0;
  #publishedSlot = 0;
  #publishedWrap = 1;

  constructor(domain: EmulatedDomain, size: number, { inOrder = false } = {}) {
    const layout = packedLayout(size);
    super(domain, size, layout.bytes);
    this.#inOrder = inOrder;
    this.addresses = {
      descriptors: this.base,
      driver: this.base + layout.driver,
      device: this.base + layout.device,
    };
    this.driverEvent = this.halves.subarray(layout.driver / 2, layout.driver / 2 + 2);
    this.deviceEvent = this.halves.subarray(layout.device / 2, layout.device / 2 + 2);
    this.interruptFlags = this.driverEvent.subarray(EVENT_FLAGS, EVENT_FLAGS + 1);
  }

  offer(parts: readonly Part[]): number {
    if (parts.length > this.free) throw new Error('no descriptors left');
    const id = this.idAt(this.#allocated++, false);
    parts.forEach(({ address, length, writes }, i) => {
      const last = i === parts.length - 1;
      const inUse = this.#wrap === 1 ? PACKED_FLAG_AVAIL : PACKED_FLAG_USED;
      const flags = inUse | (last ? 0 : NEXT) | (writes ? WRITE : 0);
      const idFlags = id | (flags << 16);
      const at = this.#slot * 4;
      this.words.set([addressLow(address), addressHigh(address), length], at);
      if (i === 0) this.#held.push([this.#slot, idFlags]);
      else this.words[at + 3] = idFlags;
      if (++this.#slot === this.size) {
        this.#slot = 0;
        this.#wrap ^= 1;
      }
    });
    this.chains.set(id, parts.length);
    this.free -= parts.length;
    this.#offered += parts.length;
    return id;
  }

  publish(): boolean {
    for (const [slot, idFlags] of this.#held) Atomics.store(this.words, slot * 4 + 3, idFlags);
    this.#held.length = 0;
    const offered = this.#offered;
    const slot = this.#publishedSlot;
    const wrap = this.#publishedWrap;
    this.#offered = 0;
    this.#publishedSlot = this.#slot;
    this.#publishedWrap = this.#wrap;
    if (offered === 0) return false;
    const flags = this.deviceEvent[EVENT_FLAGS];
    if (flags <= EVENT_DISABLE) return flags !== EVENT_DISABLE;
    const event = this.deviceEvent[EVENT_DESCRIPTOR];
    const distance = (event & (EVENT_WRAP - 1)) - slot + (event >>> 15 === wrap ? 0 : this.size);
    return distance >= 0 && distance < offered;
  }

  reap(): Returned[] {
    const returned: Returned[] = [];
    for (;;) {
      const idFlags = Atomics.load(this.words, this.#usedSlot * 4 + 3);
      const both = (PACKED_FLAG_AVAIL | PACKED_FLAG_USED) << 16;
      if (this.chains.size === 0 || (idFlags & both) !== (this.#usedWrap === 1 ? both : 0)) return returned;
      const length = this.words[this.#usedSlot * 4 + 2];
      const before = this.free;
      const settled = this.settle(idFlags & 0xffff, length, this.#inOrder);
      this.#usedSlot += this.free - before;
      if (this.#usedSlot >= this.size) {
        this.#usedSlot -= this.size;
        this.#usedWrap ^= 1;
      }
      returned.push(...settled);
    }
  }

  wantInterruptAt(nth: number): void {
    const slot = (this.#usedSlot + Math.max(nth, 0)) % this.size;
    const wrap = this.#usedSlot + nth >= this.size ? this.#usedWrap ^ 1 : this.#usedWrap;
    this.driverEvent[EVENT_DESCRIPTOR] = slot | (wrap === 1 ? EVENT_WRAP : 0);
    this.driverEvent[EVENT_FLAGS] = nth < 0 ? EVENT_DISABLE : 2;
  }
}
