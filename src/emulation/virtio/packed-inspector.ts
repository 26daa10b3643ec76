/** Strict mode: what the driver may not do with the descriptors of a packed virtqueue. */
import {
  PACKED_DESCRIPTOR_BYTES,
  PACKED_FLAG_NEXT,
  PACKED_FLAGS_SHIFT,
  PACKED_ID_FLAGS,
} from '../../datasheet/virtio/packed-ring.ts';
import type { KickInspector } from './kick-inspector.ts';
import { PackedPosition } from './packed-position.ts';
import type { QueueState } from './queue-state.ts';
import type { UsedList } from './used-list.ts';

const WORDS = PACKED_DESCRIPTOR_BYTES / 4;
const IDS = 0x1_0000;

export class PackedInspector {
  readonly #state: QueueState;
  readonly #ring: Int32Array;
  readonly #kicks: KickInspector;
  /** Each descriptor as it was made available or, once used, as the device left it. */
  readonly #known: Int32Array;
  /** 1 for the buffers that the device owns. */
  readonly #outstanding = new Uint8Array(IDS);
  /** Where the next descriptor will be made available, and how many the device owns. */
  readonly #seen: PackedPosition;
  #owned = 0;

  constructor(state: QueueState, ring: Int32Array, kicks: KickInspector) {
    this.#state = state;
    this.#ring = ring;
    this.#kicks = kicks;
    this.#known = new Int32Array(state.size * WORDS);
    this.#seen = new PackedPosition(state.size);
  }

  /** Remembers what is newly available. */
  look(): void {
    const seen = this.#seen;
    const { size } = this.#state;
    while (this.#owned < size) {
      const at = seen.slot * WORDS;
      const idFlags = Atomics.load(this.#ring, at + PACKED_ID_FLAGS);
      const flags = idFlags >>> PACKED_FLAGS_SHIFT;
      if (!seen.isAvailable(flags)) {
        if (flags !== this.#known[at + PACKED_ID_FLAGS] >>> PACKED_FLAGS_SHIFT) {
          this.#state.record('queue.wrap', `descriptor ${seen.slot}, flags ${flags.toString(16)}`);
        }
        return;
      }
      this.#kicks.available();
      for (let word = 0; word < WORDS; word++) this.#known[at + word] = this.#ring[at + word];
      if ((flags & PACKED_FLAG_NEXT) === 0) this.#giveOut(idFlags & 0xffff);
      this.#owned++;
      seen.advance(1);
    }
  }

  /** Complains if the driver changed a descriptor after it had made it available. */
  verify(slot: number): void {
    const at = slot * WORDS;
    for (let word = 0; word < WORDS; word++) {
      if (this.#ring[at + word] === this.#known[at + word]) continue;
      this.#state.record('queue.descriptor-changed', `descriptor ${slot}, word ${word}`);
      return;
    }
  }

  /** These buffers go back to the driver. */
  release(used: UsedList): void {
    for (let i = 0; i < used.count; i++) {
      this.#outstanding[used.ids[i]] = 0;
      this.#owned -= used.descriptors[i];
    }
  }

  /** The device writes a used descriptor. */
  overwrite(slot: number, idFlags: number): void {
    this.#known[slot * WORDS + PACKED_ID_FLAGS] = idFlags;
  }

  #giveOut(id: number): void {
    if (this.#outstanding[id] !== 0) this.#state.record('queue.id-outstanding', `id ${id}`);
    this.#outstanding[id] = 1;
  }
}
