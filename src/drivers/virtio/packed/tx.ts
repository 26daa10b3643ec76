/** A packed ring for transmitting: what its slow path does, and where its bursts come from. */
import {
  EVENT_DISABLE,
  EVENT_FLAGS,
  PACKED_ADDRESS_HIGH,
  PACKED_ADDRESS_LOW,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_FLAG_NEXT,
  PACKED_FLAGS_SHIFT,
} from '../../../datasheet/virtio/packed-ring.ts';
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
import { PACKED_CONSTANTS, packedRing } from './context.ts';
import { makePackedKick } from './kick.ts';
import { makePackedTakeBack, makePackedTransmit, type PackedTxContext, type PackedTxTables } from './transmit.ts';

const { NEXT, NEXT_WRAP, AVAILABLE, AVAILABLE_WRAP, FREE, PENDING } = TX_CONSTANTS;
const { LENGTH, ID_FLAGS, ID_MASK, AVAIL, IN_USE } = PACKED_CONSTANTS;
const WORDS = PACKED_DESCRIPTOR_BYTES / 4;
const MORE = PACKED_FLAG_NEXT << PACKED_FLAGS_SHIFT;

/** End of a frame in `#following`. */
const LAST = -1;

export class PackedTx implements TxRing {
  readonly #tables: PackedTxTables;
  readonly #kick: () => void;
  /**
   * By buffer id of a frame in several pieces: the one after it. A frame takes as many ids as descriptors and is known by the
   * first, so that ids never run out before descriptors do.
   */
  readonly #following: Int32Array;
  /** Descriptors in use beyond one a frame. */
  #extra = 0;
  /** Where the first descriptor of those is that the device has not been shown, and what makes it available. */
  #firstWord = 0;
  #firstFlags = 0;
  /** IN_ORDER: id of the last buffer of which the device has said that it and all before it are used, or LAST. */
  #usedUpTo = LAST;

  /** All descriptors are free; the device is asked not to interrupt. */
  constructor(init: TxQueueInit, common: TxTables) {
    const tables = { ...common, ...packedRing(init) };
    const { state, size, driverEvent } = tables;
    this.#tables = tables;
    this.#kick = specialise('kick', makePackedKick)(tables);
    this.#following = new Int32Array(size).fill(LAST);
    state[FREE] = size;
    state[NEXT_WRAP] = IN_USE;
    state[AVAILABLE_WRAP] = AVAIL;
    driverEvent[EVENT_FLAGS] = EVENT_DISABLE;
  }

  burst(source: TxSource): Transmit {
    const { bytes64, freeStack } = source;
    const context: PackedTxContext = {
      ...this.#tables,
      ...source,
      fourFree: fourViews(freeStack, 1),
      ...headerWords(bytes64, this.#tables.headerBytes),
    };
    const takeBack = specialise('take-back', makePackedTakeBack)(context);
    return specialise('transmit', makePackedTransmit)(context, takeBack, this.#kick);
  }

  get free(): number {
    return this.#tables.state[FREE];
  }

  get frames(): number {
    const { state, size } = this.#tables;
    return size - state[FREE] - this.#extra;
  }

  get nextId(): number {
    return this.#tables.order[this.#tables.state[AVAILABLE]];
  }

  add(packet: number, pieces: FramePieces): void {
    const { state, descriptors, order, shadow, size } = this.#tables;
    const { count } = pieces;
    const first = this.nextId;
    let place = state[AVAILABLE];
    let lap = state[AVAILABLE_WRAP];
    const begin = WORDS * place;
    const beginFlags = first | lap | (count > 1 ? MORE : 0);
    for (let i = 0; i < count; i++) {
      const id = order[place];
      const word = WORDS * place;
      const more = i + 1 < count;
      descriptors[word + PACKED_ADDRESS_LOW] = pieces.low[i];
      descriptors[word + PACKED_ADDRESS_HIGH] = pieces.high[i];
      descriptors[word + LENGTH] = pieces.length[i];
      if (i > 0) descriptors[word + ID_FLAGS] = first | lap | (more ? MORE : 0);
      place = (place + 1) & (size - 1);
      if (place === 0) lap ^= IN_USE;
      this.#following[id] = more ? order[place] : LAST;
    }
    // A frame's first descriptor becomes available after its others (2.8.6); that of the first frame, with `publish`.
    if (state[PENDING] > 0) descriptors[begin + ID_FLAGS] = beginFlags;
    else [this.#firstWord, this.#firstFlags] = [begin + ID_FLAGS, beginFlags];
    shadow[first] = packet;
    state[AVAILABLE] = place;
    state[AVAILABLE_WRAP] = lap;
    state[FREE] -= count;
    state[PENDING] += count;
    this.#extra += count - 1;
  }

  publish(): void {
    const { state, descriptors } = this.#tables;
    if (state[PENDING] === 0) return;
    descriptors[this.#firstWord] = this.#firstFlags;
    this.#kick();
  }

  nextSent(): number {
    const { state, order, shadow, size, inOrder, fail } = this.#tables;
    const mask = size - 1;
    const used = this.#lookForUsed();
    if (used < 0) return -1;
    if (used >= size || shadow[used] === NO_PACKET) {
      fail('id', used);
      return -1;
    }
    const sent = inOrder ? order[state[NEXT]] : used;
    this.#usedUpTo = sent === used ? LAST : used;
    for (let id = sent; id !== LAST; ) {
      const following = this.#following[id];
      this.#following[id] = LAST;
      order[state[NEXT]] = id;
      state[NEXT] = (state[NEXT] + 1) & mask;
      if (state[NEXT] === 0) state[NEXT_WRAP] ^= IN_USE;
      state[FREE]++;
      if (id !== sent) this.#extra--;
      id = following;
    }
    return sent;
  }

  /** The buffer id that the device has written to the next used descriptor, or earlier for a group; -1 if there is none. */
  #lookForUsed(): number {
    if (this.#usedUpTo !== LAST) return this.#usedUpTo;
    const { state, descriptors, size } = this.#tables;
    if (state[FREE] === size) return -1;
    const word = descriptors[WORDS * state[NEXT] + ID_FLAGS];
    return ((word ^ state[NEXT_WRAP]) & IN_USE) === 0 ? word & ID_MASK : -1;
  }
}
