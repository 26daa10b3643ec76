/** Strict mode: what the driver may not do with the descriptors of a split virtqueue while the device owns them. */
import {
  SPLIT_DESCRIPTOR_BYTES,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAGS_NEXT,
  SPLIT_NEXT_SHIFT,
} from '../../datasheet/virtio/split-ring.ts';
import type { QueueState } from './queue-state.ts';
import type { UsedList } from './used-list.ts';

const WORDS = SPLIT_DESCRIPTOR_BYTES / 4;

export class SplitInspector {
  readonly #state: QueueState;
  readonly #table: Int32Array;
  /** The descriptors that the device owns, as they were made available. */
  readonly #given: Int32Array;
  /** The head of the chain that a descriptor belongs to, plus 1; 0 while the driver owns it. */
  readonly #owners: Uint16Array;
  /** With IN_ORDER: where the next chain begins. */
  #expected = 0;

  constructor(state: QueueState, table: Int32Array) {
    this.#state = state;
    this.#table = table;
    this.#given = new Int32Array(state.size * WORDS);
    this.#owners = new Uint16Array(state.size);
  }

  /** A chain was made available. What cannot be used at all is recorded when it is taken. */
  remember(head: number): void {
    const { size, inOrder } = this.#state;
    if (inOrder && head !== this.#expected) {
      this.#state.record('queue.order', `head ${head} instead of ${this.#expected}`);
    }
    if (head < size && this.#owners[head] === head + 1) {
      this.#state.record('queue.descriptor-twice', `chain ${head}`);
      return;
    }
    for (let index = head; index < size; ) {
      const owner = this.#owners[index];
      if (owner === head + 1) return; // in a circle
      if (owner !== 0) {
        this.#state.record('queue.descriptor-twice', `descriptor ${index}, of chain ${owner - 1} and ${head}`);
        return;
      }
      this.#owners[index] = head + 1;
      this.#copy(index);
      const following = index + 1 === size ? 0 : index + 1;
      this.#expected = following;
      const flagsNext = this.#given[index * WORDS + SPLIT_FLAGS_NEXT];
      if ((flagsNext & SPLIT_FLAG_NEXT) === 0) return;
      index = flagsNext >>> SPLIT_NEXT_SHIFT;
      if (inOrder && index !== following) this.#state.record('queue.order', `next ${index} instead of ${following}`);
    }
  }

  /** Complains if the driver changed a descriptor after it had made it available. */
  verify(index: number): void {
    if (this.#owners[index] === 0) return;
    const at = index * WORDS;
    for (let word = 0; word < WORDS; word++) {
      if (this.#table[at + word] === this.#given[at + word]) continue;
      this.#state.record('queue.descriptor-changed', `descriptor ${index}, word ${word}`);
      return;
    }
  }

  /** These chains go back to the driver. */
  release(used: UsedList): void {
    for (let i = 0; i < used.count; i++) this.#release(used.ids[i]);
  }

  #release(head: number): void {
    const { size } = this.#state;
    for (let index = head; index < size && this.#owners[index] === head + 1; ) {
      this.#owners[index] = 0;
      const flagsNext = this.#given[index * WORDS + SPLIT_FLAGS_NEXT];
      if ((flagsNext & SPLIT_FLAG_NEXT) === 0) return;
      index = flagsNext >>> SPLIT_NEXT_SHIFT;
    }
  }

  #copy(index: number): void {
    const at = index * WORDS;
    for (let word = 0; word < WORDS; word++) this.#given[at + word] = this.#table[at + word];
  }
}
