/** The device's side of a split virtqueue (virtio 1.2, section 2.7). */
import {
  AVAILABLE_FLAG_NO_INTERRUPT,
  AVAILABLE_FLAGS,
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  availableEventWord,
  passesEvent,
  SPLIT_ADDRESS_HIGH,
  SPLIT_ADDRESS_LOW,
  SPLIT_DESCRIPTOR_BYTES,
  SPLIT_FLAG_INDIRECT,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAG_WRITE,
  SPLIT_FLAGS_NEXT,
  SPLIT_LENGTH,
  SPLIT_NEXT_SHIFT,
  USED_FLAG_NO_NOTIFY,
  USED_FLAGS,
  USED_INDEX,
  USED_RING_WORD,
  usedEventWord,
} from '../../datasheet/virtio/split-ring.ts';
import { fence } from '../fence.ts';
import type { Chain } from './chain.ts';
import { ChainBuilder } from './chain-builder.ts';
import type { DeviceQueue, QueueContext, QueueSettings } from './device-queue.ts';
import { RingGarbage } from './garbage.ts';
import { KickInspector } from './kick-inspector.ts';
import { QueueState } from './queue-state.ts';
import { SplitInspector } from './split-inspector.ts';
import { UsedList } from './used-list.ts';

const WORDS = SPLIT_DESCRIPTOR_BYTES / 4;
const RESERVED_FLAGS = 0xffff & ~(SPLIT_FLAG_NEXT | SPLIT_FLAG_WRITE | SPLIT_FLAG_INDIRECT);
/** An event as far as this from the index is one that no driver passes, as long as it is moved on in time. */
const NEVER = 0x8000;
const EVENT_INTERVAL = 0x1000;

export class SplitQueue implements DeviceQueue {
  readonly index: number;
  readonly size: number;
  readonly chain: Chain;
  readonly #state: QueueState;
  readonly #builder: ChainBuilder;
  readonly #used: UsedList;
  readonly #inspector: SplitInspector | undefined;
  readonly #kicks: KickInspector;
  readonly #garbage: RingGarbage;
  readonly #table: Int32Array;
  readonly #available: Uint16Array;
  readonly #usedHalves: Uint16Array;
  readonly #usedWords: Int32Array;
  /** Of the indices, 16 bits wide: the next entry to take, one beyond the last that was seen, and the used index. */
  #next = 0;
  #seen = 0;
  #usedIndex = 0;
  #markedNext = 0;
  #markedUsed = 0;
  #polled = false;
  /** Where avail_event was set to never, while the queue is polled. */
  #eventAt = 0;

  constructor(context: QueueContext, settings: QueueSettings) {
    const state = new QueueState(context, settings);
    const { size } = state;
    this.#table = state.part(settings.descriptors, SPLIT_DESCRIPTOR_BYTES * size, 16).words;
    this.#available = state.part(settings.driver, 6 + 2 * size, 2).halves;
    const used = state.part(settings.device, 6 + 8 * size, 4);
    this.#usedHalves = used.halves;
    this.#usedWords = used.words;
    if (state.usable && used.halves[USED_FLAGS] !== 0) state.record('queue.used-flags', `${used.halves[USED_FLAGS]}`);
    this.#state = state;
    this.index = state.index;
    this.size = size;
    this.#builder = new ChainBuilder(state, RESERVED_FLAGS);
    this.chain = this.#builder.chain;
    this.#used = new UsedList(size);
    this.#kicks = new KickInspector(state);
    this.#garbage = new RingGarbage(state, used.halves);
    this.#inspector = state.strict ? new SplitInspector(state, this.#table) : undefined;
  }

  get usable(): boolean {
    return this.#state.usable;
  }

  listen(): void {
    if (!this.#state.checkMemory() || this.#garbage.strikes() || !this.#inspector) return;
    this.#look();
    this.#kicks.check();
  }

  take(): boolean {
    const next = this.#next;
    if (!this.#state.usable || (next === this.#seen && !this.#look())) return false;
    this.#next = (next + 1) & 0xffff;
    return this.#read(this.#available[AVAILABLE_RING + (next & (this.size - 1))]);
  }

  use(written: number): void {
    const { chain } = this;
    this.#used.push(chain.id, written, chain.writableBytes, chain.count);
  }

  mark(): void {
    this.#markedNext = this.#next;
    this.#markedUsed = this.#used.count;
  }

  rewind(): void {
    this.#next = this.#markedNext;
    this.#used.count = this.#markedUsed;
  }

  publish(): boolean {
    const used = this.#used;
    const { count } = used;
    if (count === 0 || !this.#state.usable) {
      used.count = 0;
      return this.#garbage.tell();
    }
    this.#inspector?.release(used);
    const { faults } = this.#state.context;
    if (faults.armed) used.misbehave(faults, this.size);
    this.#write(used);
    const before = this.#usedIndex;
    const after = (before + count) & 0xffff;
    this.#usedIndex = after;
    used.count = 0;
    const jump = faults.armed ? faults.strikes('used-index-jump') : undefined;
    // Elements first, then the index that shows them; and only then does the device look whether the driver wants to know.
    Atomics.store(this.#usedHalves, USED_INDEX, jump ? after + (jump.by ?? this.size + 1) : after);
    const stale = ((after - this.#eventAt) & 0xffff) >= EVENT_INTERVAL;
    if (stale && this.#polled && this.#state.hasEventIndex) this.#writeEvent(false);
    return this.#interruptWanted(before, after);
  }

  wantKicks(wanted: boolean): boolean {
    if (!this.#state.usable) return false;
    this.#polled = !wanted;
    if (this.#state.hasEventIndex) this.#writeEvent(wanted);
    else this.#usedHalves[USED_FLAGS] = wanted ? 0 : USED_FLAG_NO_NOTIFY;
    fence();
    const more = Atomics.load(this.#available, AVAILABLE_INDEX) !== this.#next;
    this.#kicks.want(wanted, wanted && !more);
    return wanted && more;
  }

  kicked(): void {
    this.#kicks.kicked();
  }

  /** Sees what is newly available. False if nothing is. */
  #look(): boolean {
    const index = Atomics.load(this.#available, AVAILABLE_INDEX);
    const seen = this.#seen;
    if (index === seen) return false;
    const owned = (index - this.#usedIndex) & 0xffff;
    const before = (seen - this.#usedIndex) & 0xffff;
    if (owned > this.size || owned < before) {
      return this.#state.fail('queue.index-jump', `from ${seen} to ${index}, of ${this.size} descriptors`);
    }
    this.#seen = index;
    if (this.#inspector) {
      this.#kicks.available();
      const mask = this.size - 1;
      for (let i = seen; i !== index; i = (i + 1) & 0xffff) {
        this.#inspector.remember(this.#available[AVAILABLE_RING + (i & mask)]);
      }
    }
    return true;
  }

  /** Reads the chain that begins at descriptor `head`. */
  #read(head: number): boolean {
    const { size, chain } = this;
    const table = this.#table;
    const builder = this.#builder;
    chain.clear();
    chain.id = head;
    if (head >= size) return this.#state.fail('queue.head-range', `descriptor ${head} of ${size}`);
    // The builder ends what runs in a circle: a chain has no more buffers than the queue descriptors.
    for (let index = head; ; ) {
      this.#inspector?.verify(index);
      const at = index * WORDS;
      const flagsNext = table[at + SPLIT_FLAGS_NEXT];
      const low = table[at + SPLIT_ADDRESS_LOW];
      const high = table[at + SPLIT_ADDRESS_HIGH];
      if (!builder.add(low, high, table[at + SPLIT_LENGTH], flagsNext & 0xffff)) return false;
      if ((flagsNext & SPLIT_FLAG_NEXT) === 0) return true;
      index = flagsNext >>> SPLIT_NEXT_SHIFT;
      if (index >= size) return this.#state.fail('queue.next-range', `descriptor ${index} of ${size}`);
    }
  }

  /** Elements into the used ring; the next one goes over an element that may be skipped. */
  #write(used: UsedList): void {
    const words = this.#usedWords;
    const mask = this.size - 1;
    const batches = this.#state.batchesUsed;
    const first = this.#usedIndex;
    const { ids, lengths, count } = used;
    for (let i = 0, slot = 0; i < count; i++) {
      const at = USED_RING_WORD + 2 * ((first + slot) & mask);
      words[at] = ids[i];
      words[at + 1] = lengths[i];
      if (!batches || !used.mayBeSkipped(i)) slot = i + 1;
    }
  }

  #interruptWanted(before: number, after: number): boolean {
    const available = this.#available;
    const { hasEventIndex, strict } = this.#state;
    const flags = Atomics.load(available, AVAILABLE_FLAGS);
    if (strict && flags > (hasEventIndex ? 0 : AVAILABLE_FLAG_NO_INTERRUPT)) {
      this.#state.record('queue.event-flags', `${flags}`);
    }
    if (hasEventIndex) return passesEvent(Atomics.load(available, usedEventWord(this.size)), after, before);
    return (flags & AVAILABLE_FLAG_NO_INTERRUPT) === 0;
  }

  #writeEvent(wanted: boolean): void {
    this.#eventAt = this.#next;
    this.#usedHalves[availableEventWord(this.size)] = wanted ? this.#next : this.#next + NEVER;
  }
}
