/** The device's side of a packed virtqueue (virtio 1.2, section 2.8). */
import {
  EVENT_AT_DESCRIPTOR,
  EVENT_BYTES,
  EVENT_DESCRIPTOR,
  EVENT_DISABLE,
  EVENT_ENABLE,
  EVENT_FLAGS,
  EVENT_WRAP,
  PACKED_ADDRESS_HIGH,
  PACKED_ADDRESS_LOW,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_FLAG_AVAIL,
  PACKED_FLAG_INDIRECT,
  PACKED_FLAG_NEXT,
  PACKED_FLAG_USED,
  PACKED_FLAG_WRITE,
  PACKED_FLAGS_SHIFT,
  PACKED_ID_FLAGS,
  PACKED_LENGTH,
} from '../../datasheet/virtio/packed-ring.ts';
import type { Chain } from './chain.ts';
import { ChainBuilder } from './chain-builder.ts';
import type { DeviceQueue, QueueContext, QueueSettings } from './device-queue.ts';
import { RingGarbage } from './garbage.ts';
import { KickInspector } from './kick-inspector.ts';
import { PackedInspector } from './packed-inspector.ts';
import { PackedPosition } from './packed-position.ts';
import { QueueState } from './queue-state.ts';
import { UsedList } from './used-list.ts';

const WORDS = PACKED_DESCRIPTOR_BYTES / 4;
const IN_USE = PACKED_FLAG_AVAIL | PACKED_FLAG_USED;
const RESERVED_FLAGS = 0xffff & ~(PACKED_FLAG_NEXT | PACKED_FLAG_WRITE | PACKED_FLAG_INDIRECT | IN_USE);

export class PackedQueue implements DeviceQueue {
  readonly index: number;
  readonly size: number;
  readonly chain: Chain;
  readonly #state: QueueState;
  readonly #builder: ChainBuilder;
  readonly #used: UsedList;
  readonly #inspector: PackedInspector | undefined;
  readonly #kicks: KickInspector;
  readonly #garbage: RingGarbage;
  readonly #ring: Int32Array;
  readonly #driverEvent: Uint16Array;
  readonly #deviceEvent: Int32Array;
  /** Where the next chain begins, and where the next used descriptor goes. */
  readonly #next: PackedPosition;
  readonly #shown: PackedPosition;
  readonly #marked: PackedPosition;
  #markedUsed = 0;
  /** Descriptors that were taken and not yet shown as used. */
  #owned = 0;
  #markedOwned = 0;
  /** Descriptors in the chain taken last. */
  #descriptors = 0;

  constructor(context: QueueContext, settings: QueueSettings) {
    const state = new QueueState(context, settings);
    const { size } = state;
    const ring = state.part(settings.descriptors, PACKED_DESCRIPTOR_BYTES * size, 16);
    this.#ring = ring.words;
    this.#driverEvent = state.part(settings.driver, EVENT_BYTES, 4).halves;
    this.#deviceEvent = state.part(settings.device, EVENT_BYTES, 4).words;
    this.#state = state;
    this.index = state.index;
    this.size = size;
    this.#builder = new ChainBuilder(state, RESERVED_FLAGS);
    this.chain = this.#builder.chain;
    this.#used = new UsedList(size);
    this.#next = new PackedPosition(size);
    this.#shown = new PackedPosition(size);
    this.#marked = new PackedPosition(size);
    this.#kicks = new KickInspector(state);
    this.#garbage = new RingGarbage(state, ring.halves);
    this.#inspector = state.strict ? new PackedInspector(state, this.#ring, this.#kicks) : undefined;
  }

  get usable(): boolean {
    return this.#state.usable;
  }

  listen(): void {
    if (!this.#state.checkMemory() || this.#garbage.strikes() || !this.#inspector) return;
    this.#inspector.look();
    this.#kicks.check();
  }

  take(): boolean {
    const next = this.#next;
    if (!this.#state.usable) return false;
    // Nothing else in the descriptor may be read before its flags. No atomic load is spent on each descriptor for that: the
    // compiler moves no load of a typed array ahead of another, nor does the processor.
    const idFlags = this.#ring[next.slot * WORDS + PACKED_ID_FLAGS];
    if (!next.isAvailable(idFlags >>> PACKED_FLAGS_SHIFT)) return false;
    this.#inspector?.look();
    return this.#read(idFlags);
  }

  use(written: number): void {
    const { chain } = this;
    this.#used.push(chain.id, written, chain.writableBytes, this.#descriptors);
  }

  mark(): void {
    this.#marked.set(this.#next);
    this.#markedUsed = this.#used.count;
    this.#markedOwned = this.#owned;
  }

  rewind(): void {
    this.#next.set(this.#marked);
    this.#used.count = this.#markedUsed;
    this.#owned = this.#markedOwned;
  }

  publish(): boolean {
    const used = this.#used;
    if (used.count === 0 || !this.#state.usable) {
      used.count = 0;
      return this.#garbage.tell();
    }
    this.#inspector?.release(used);
    const { faults } = this.#state.context;
    if (faults.armed) used.misbehave(faults, this.size);
    const { slot, wrap } = this.#shown;
    const shown = this.#write(used);
    this.#owned -= shown;
    used.count = 0;
    if (faults.armed) this.#jump(this.size - shown);
    return this.#interruptWanted(slot, wrap, shown);
  }

  wantKicks(wanted: boolean): boolean {
    if (!this.#state.usable) return false;
    const next = this.#next;
    let event = (wanted ? EVENT_ENABLE : EVENT_DISABLE) << 16;
    if (wanted && this.#state.hasEventIndex) {
      event = (EVENT_AT_DESCRIPTOR << 16) | (next.wrap === 1 ? EVENT_WRAP : 0) | next.slot;
    }
    Atomics.store(this.#deviceEvent, 0, event);
    const more = next.isAvailable(Atomics.load(this.#ring, next.slot * WORDS + PACKED_ID_FLAGS) >>> PACKED_FLAGS_SHIFT);
    this.#kicks.want(wanted, wanted && !more);
    return wanted && more;
  }

  kicked(): void {
    this.#kicks.kicked();
  }

  /** Reads the chain at the next position, whose first descriptor has this id and flags. */
  #read(first: number): boolean {
    const ring = this.#ring;
    const next = this.#next;
    const { chain, size } = this;
    chain.clear();
    for (let idFlags = first, descriptors = 1; ; descriptors++) {
      if (this.#owned === size)
        return this.#state.fail('queue.index-jump', 'descriptors were given again while in use');
      this.#inspector?.verify(next.slot);
      const at = next.slot * WORDS;
      const flags = idFlags >>> PACKED_FLAGS_SHIFT;
      if (
        !this.#builder.add(
          ring[at + PACKED_ADDRESS_LOW],
          ring[at + PACKED_ADDRESS_HIGH],
          ring[at + PACKED_LENGTH],
          flags,
        )
      ) {
        return false;
      }
      this.#owned++;
      next.advance(1);
      if ((flags & PACKED_FLAG_NEXT) === 0) {
        chain.id = idFlags & 0xffff;
        this.#descriptors = descriptors;
        return true;
      }
      idFlags = ring[next.slot * WORDS + PACKED_ID_FLAGS];
      if (!next.isAvailable(idFlags >>> PACKED_FLAGS_SHIFT)) {
        return this.#state.fail('queue.list-incomplete', `descriptor ${next.slot}`);
      }
    }
  }

  /**
   * Used descriptors into the ring, the first one last: the driver sees all of the burst or nothing. Returns how many
   * descriptors they stand for.
   */
  #write(used: UsedList): number {
    const ring = this.#ring;
    const shown = this.#shown;
    const batches = this.#state.batchesUsed;
    const firstAt = shown.slot * WORDS + PACKED_ID_FLAGS;
    let firstValue = 0;
    let total = 0;
    let skipped = 0;
    for (let i = 0; i < used.count; i++) {
      const descriptors = used.descriptors[i];
      total += descriptors;
      if (batches && used.mayBeSkipped(i)) {
        skipped += descriptors;
        continue;
      }
      const at = shown.slot * WORDS;
      const length = used.lengths[i];
      const flags = (shown.wrap === 1 ? IN_USE : 0) | (length > 0 ? PACKED_FLAG_WRITE : 0);
      const value = (used.ids[i] & 0xffff) | (flags << PACKED_FLAGS_SHIFT);
      ring[at + PACKED_LENGTH] = length;
      if (at + PACKED_ID_FLAGS === firstAt) firstValue = value;
      else ring[at + PACKED_ID_FLAGS] = value;
      this.#inspector?.overwrite(shown.slot, value);
      shown.advance(skipped + descriptors);
      skipped = 0;
    }
    Atomics.store(ring, firstAt, firstValue);
    return total;
  }

  /** Whether the driver wants an interrupt for `shown` descriptors from a position on (section 2.8.10). */
  #interruptWanted(slot: number, wrap: number, shown: number): boolean {
    const { strict, hasEventIndex } = this.#state;
    const flags = Atomics.load(this.#driverEvent, EVENT_FLAGS);
    if (strict && flags > (hasEventIndex ? EVENT_AT_DESCRIPTOR : EVENT_DISABLE)) {
      this.#state.record('queue.event-flags', `${flags}`);
    }
    if (flags !== EVENT_AT_DESCRIPTOR || !hasEventIndex) return flags !== EVENT_DISABLE;
    const event = Atomics.load(this.#driverEvent, EVENT_DESCRIPTOR);
    const at = event & (EVENT_WRAP - 1);
    if (strict && at >= this.size) this.#state.record('queue.event-range', `descriptor ${at} of ${this.size}`);
    const distance = at - slot + (event >>> 15 === wrap ? 0 : this.size);
    return distance >= 0 && distance < shown;
  }

  /** An injected fault: up to `maximum` descriptors that the device does not have are shown as used. */
  #jump(maximum: number): void {
    const jump = this.#state.context.faults.strikes('used-index-jump');
    if (!jump) return;
    const position = new PackedPosition(this.size);
    position.set(this.#shown);
    for (let i = Math.min(jump.by ?? maximum, maximum); i > 0; i--, position.advance(1)) {
      const at = position.slot * WORDS + PACKED_ID_FLAGS;
      this.#ring[at] = (this.#ring[at] & 0xffff) | ((position.wrap === 1 ? IN_USE : 0) << PACKED_FLAGS_SHIFT);
      this.#inspector?.overwrite(position.slot, this.#ring[at]);
    }
  }
}
