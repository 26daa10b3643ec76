/** A split ring for transmitting: what its slow path does, and where its bursts come from. */
import {
  AVAILABLE_FLAG_NO_INTERRUPT,
  AVAILABLE_FLAGS,
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  passesEvent,
  SPLIT_ADDRESS_HIGH,
  SPLIT_ADDRESS_LOW,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAGS_NEXT,
  SPLIT_LENGTH,
  SPLIT_NEXT_SHIFT,
  USED_FLAG_NO_NOTIFY,
  USED_FLAGS,
  USED_INDEX,
  USED_RING_WORD,
} from '../../../datasheet/virtio/split-ring.ts';
import { NO_PACKET } from '../../../memory/packet-pool.ts';
import { specialise } from '../../../specialise.ts';
import { fourViews } from '../four-views.ts';
import type { TxQueueInit } from '../queue-init.ts';
import {
  type FramePieces,
  headerWords,
  type Transmit,
  TX_CONSTANTS,
  type TxRing,
  type TxSource,
  type TxTables,
} from '../tx-context.ts';
import { splitRing } from './context.ts';
import {
  lengthImages,
  makeSplitTakeBack,
  makeSplitTransmit,
  type SplitTxContext,
  type SplitTxTables,
} from './transmit.ts';
import { splitViews } from './views.ts';

const { NEXT, AVAILABLE, FREE, HEAD } = TX_CONSTANTS;
/** End of a frame in `#following`. */
const LAST = -1;

export class SplitTx implements TxRing {
  readonly #tables: SplitTxTables;
  /** By descriptor of a frame in several pieces: the one after it. */
  readonly #following: Int32Array;
  /** Frames that the device has not been shown. */
  #added = 0;

  /** All descriptors are free; the device is asked not to interrupt. */
  constructor(init: TxQueueInit, common: TxTables) {
    const tables = { ...common, ...splitRing(splitViews(init), init.size) };
    this.#tables = tables;
    this.#following = new Int32Array(init.size).fill(LAST);
    tables.state[FREE] = init.size;
    if (tables.eventIndex) tables.available[tables.usedEvent] = -1;
    else tables.available[AVAILABLE_FLAGS] = AVAILABLE_FLAG_NO_INTERRUPT;
  }

  burst(source: TxSource): Transmit {
    const images = lengthImages(source.maximumLength, this.#tables.headerBytes);
    const { bytes64, freeStack } = source;
    const context: SplitTxContext = {
      ...this.#tables,
      ...source,
      images,
      fourFree: fourViews(freeStack, 1),
      ...headerWords(bytes64, this.#tables.headerBytes),
    };
    return specialise('transmit', makeSplitTransmit)(context, specialise('take-back', makeSplitTakeBack)(context));
  }

  get free(): number {
    return this.#tables.state[FREE];
  }

  get frames(): number {
    const { state } = this.#tables;
    return (state[AVAILABLE] - state[NEXT]) & 0xffff;
  }

  get nextId(): number {
    return this.#tables.order[this.#tables.state[HEAD]];
  }

  add(packet: number, pieces: FramePieces): void {
    const { state, descriptors, available, order, shadow, size } = this.#tables;
    const mask = size - 1;
    const first = order[state[HEAD]];
    for (let i = 0; i < pieces.count; i++) {
      const id = order[(state[HEAD] + i) & mask];
      const next = i + 1 < pieces.count ? order[(state[HEAD] + i + 1) & mask] : LAST;
      const word = id << 2;
      descriptors[word + SPLIT_ADDRESS_LOW] = pieces.low[i];
      descriptors[word + SPLIT_ADDRESS_HIGH] = pieces.high[i];
      descriptors[word + SPLIT_LENGTH] = pieces.length[i];
      descriptors[word + SPLIT_FLAGS_NEXT] = next === LAST ? 0 : SPLIT_FLAG_NEXT | (next << SPLIT_NEXT_SHIFT);
      this.#following[id] = next;
    }
    shadow[first] = packet;
    available[AVAILABLE_RING + (state[AVAILABLE] & mask)] = first;
    state[AVAILABLE] = (state[AVAILABLE] + 1) & 0xffff;
    state[HEAD] = (state[HEAD] + pieces.count) & mask;
    state[FREE] -= pieces.count;
    this.#added++;
  }

  publish(): void {
    const added = this.#added;
    if (added === 0) return;
    this.#added = 0;
    const { state, available, used16, availableEvent, eventIndex, notify } = this.#tables;
    const index = state[AVAILABLE];
    Atomics.store(available, AVAILABLE_INDEX, index); // see makeSplitTransmit
    const wanted = eventIndex
      ? passesEvent(used16[availableEvent], index, index - added)
      : (used16[USED_FLAGS] & USED_FLAG_NO_NOTIFY) === 0;
    if (wanted) notify();
  }

  nextSent(): number {
    const { state, used, used16, available, order, shadow, size, inOrder, eventIndex, usedEvent, fail } = this.#tables;
    const mask = size - 1;
    const end = used16[USED_INDEX];
    const next = state[NEXT];
    if (end === next) return -1;
    if (((end - next) & 0xffff) > ((state[AVAILABLE] - next) & 0xffff)) {
      fail('index', end);
      return -1;
    }
    // In order, it is known which buffers were used, and the device need not have written all elements (2.7.9).
    const head = inOrder ? order[this.#tail] : used[USED_RING_WORD + ((next & mask) << 1)];
    if ((head & ~mask) !== 0 || shadow[head] === NO_PACKET) {
      fail('id', head);
      return -1;
    }
    for (let id = head; id !== LAST; ) {
      const following = this.#following[id];
      this.#following[id] = LAST;
      order[this.#tail] = id;
      state[FREE]++;
      id = following;
    }
    state[NEXT] = (next + 1) & 0xffff;
    if (eventIndex) available[usedEvent] = next; // stays behind, so that the index never passes it
    return head;
  }

  /** Place in `order` where the next descriptor goes that becomes free; while all are in use, the oldest in use. */
  get #tail(): number {
    const { state, size } = this.#tables;
    return (state[HEAD] + state[FREE]) & (size - 1);
  }
}
