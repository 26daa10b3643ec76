/** Puts a chain together, buffer by buffer, and sees to it that each is one that a device may use. */
import { SPLIT_FLAG_INDIRECT, SPLIT_FLAG_WRITE } from '../../datasheet/virtio/split-ring.ts';
import { crossesPage, type DmaRegion, NOWHERE } from '../dma-regions.ts';
import type { DmaTranslator } from '../dma-translator.ts';
import { Chain } from './chain.ts';
import type { QueueState } from './queue-state.ts';

export class ChainBuilder {
  readonly chain: Chain;
  readonly #state: QueueState;
  /** One for what is read and one for what is written: bytes may be found elsewhere to be read than to be written. */
  readonly #readable: DmaTranslator;
  readonly #writable: DmaTranslator;
  readonly #reserved: number;

  /** `reserved`: the flags that mean nothing in this format. The three that are used here are the same in both. */
  constructor(state: QueueState, reserved: number) {
    this.chain = new Chain(state.size);
    this.#state = state;
    this.#readable = state.translator();
    this.#writable = state.translator();
    this.#reserved = reserved;
  }

  /** Appends what a descriptor says, given as int32. False if that broke the queue. */
  add(low: number, high: number, length: number, flags: number): boolean {
    const { chain } = this;
    const i = chain.count;
    const state = this.#state;
    if (i === state.size) return state.fail('queue.chain-length', `more than ${i} descriptors`);
    if ((flags & SPLIT_FLAG_INDIRECT) !== 0) return state.fail('queue.indirect', `flags ${flags.toString(16)}`);
    const writes = (flags & SPLIT_FLAG_WRITE) !== 0;
    const translator = writes ? this.#writable : this.#readable;
    // Lengths from 2^31 on are negative here, and longer than any memory.
    const offset = length > 0 ? translator.translate(low, high, length) : length;
    if (state.strict) this.#inspect(translator.region, offset, length, flags);
    const bytes = length & 0x7fff_ffff;
    if (writes) chain.writableBytes += bytes;
    else if (chain.readable === i) {
      chain.readable = i + 1;
      chain.readableBytes += bytes;
    } else return state.fail('queue.write-before-read', `buffer ${i} of the chain`);
    chain.count = i + 1;
    chain.lengths[i] = bytes;
    chain.offsets[i] = offset;
    chain.regions[i] = translator.region;
    if (length <= 0 || offset < 0) this.#addNothing(i, offset);
    return true;
  }

  #addNothing(i: number, offset: number): void {
    const { chain } = this;
    chain.regions[i] = NOWHERE;
    if (offset >= 0) return;
    chain.offsets[i] = -1;
    chain.mapped = false;
    this.#state.context.dmaFaults++;
  }

  #inspect(region: DmaRegion, offset: number, length: number, flags: number): void {
    const state = this.#state;
    if ((flags & this.#reserved) !== 0) state.record('queue.reserved-flags', `flags ${flags.toString(16)}`);
    if (length === 0) state.record('queue.zero-length', `buffer ${this.chain.count} of the chain`);
    else if (offset < 0) state.record('queue.buffer-unmapped', `${length >>> 0} bytes`);
    else if (crossesPage(region, offset, length)) state.record('queue.buffer-crosses-page', `${length} bytes`);
  }
}
