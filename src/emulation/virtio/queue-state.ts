/** What both formats of rings have in common: settings, where the queue lies, and whether it still runs. */
import { hasFeature } from '../../datasheet/virtio/features.ts';
import { SPLIT_MAXIMUM_SIZE } from '../../datasheet/virtio/split-ring.ts';
import { crossesPage, type DmaRegion } from '../dma-regions.ts';
import { DmaTranslator } from '../dma-translator.ts';
import type { QueueContext, QueueSettings } from './device-queue.ts';
import type { QueueRule } from './queue-rules.ts';

/** A part of a queue in memory. */
interface QueuePart {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
}

const EMPTY_PART: QueuePart = { words: new Int32Array(0), halves: new Uint16Array(0) };

export class QueueState {
  readonly context: QueueContext;
  readonly index: number;
  /** Number of descriptors; 1 in a queue that is broken because it can have no such size. */
  readonly size: number;
  readonly strict: boolean;
  readonly hasEventIndex: boolean;
  readonly inOrder: boolean;
  /** Runs of buffers may be given back with one element. */
  readonly batchesUsed: boolean;
  #usable = true;
  readonly #regions: DmaRegion[] = [];

  constructor(context: QueueContext, settings: QueueSettings) {
    this.context = context;
    this.index = settings.index;
    this.strict = context.judge.strict;
    this.hasEventIndex = hasFeature(settings.features, 'EVENT_IDX');
    this.inOrder = hasFeature(settings.features, 'IN_ORDER');
    this.batchesUsed = this.inOrder && settings.batchesUsed === true;
    const { size } = settings;
    const possible = Number.isInteger(size) && size >= 1 && size <= SPLIT_MAXIMUM_SIZE;
    const allowed = possible && (hasFeature(settings.features, 'RING_PACKED') || (size & (size - 1)) === 0);
    this.size = allowed ? size : 1;
    if (!allowed) this.fail('queue.size', `${size} descriptors`);
  }

  get usable(): boolean {
    return this.#usable;
  }

  /** `bytes` of the queue at a device address. If they are not there, the queue is broken from the beginning. */
  part(address: number, bytes: number, alignment: number): QueuePart {
    if (!this.#usable) return EMPTY_PART;
    const { regions } = this.context;
    const region = regions.find(address, bytes);
    if (!region) {
      this.#lose(`${bytes} bytes at ${address.toString(16)}`);
      return EMPTY_PART;
    }
    const offset = address - region.address;
    if (address % alignment !== 0) {
      this.fail('queue.alignment', `${address.toString(16)} is not a multiple of ${alignment}`);
      return EMPTY_PART;
    }
    if (crossesPage(region, offset, bytes)) {
      this.record('queue.crosses-page', `pages of ${region.pageSize} bytes`);
    }
    regions.renew(region);
    this.#regions.push(region);
    const { buffer, byteOffset } = region.bytes;
    return {
      words: new Int32Array(buffer, byteOffset + offset, bytes >>> 2),
      halves: new Uint16Array(buffer, byteOffset + offset, bytes >>> 1),
    };
  }

  /** Breaks the queue if its memory was taken away. True if it runs. */
  checkMemory(): boolean {
    if (!this.#usable) return false;
    const regions = this.#regions;
    for (let i = 0; i < regions.length; i++) {
      if (regions[i].size === 0) return this.#lose('taken away while the queue was enabled');
    }
    return true;
  }

  /** A way to memory for the buffers of this queue. */
  translator(): DmaTranslator {
    return new DmaTranslator(this.context.regions);
  }

  /** Stops a queue that cannot go on. */
  fail(rule: QueueRule, found: string): false {
    this.record(rule, found);
    if (this.#usable) {
      this.#usable = false;
      this.context.queueBroken(this.index);
    }
    return false;
  }

  /** Stops a queue that is to do nothing any more. */
  stop(): void {
    this.#usable = false;
  }

  record(rule: QueueRule, found: string): void {
    this.context.judge.record(rule, { queue: this.index, found });
  }

  #lose(found: string): false {
    this.context.dmaFaults++;
    return this.fail('queue.unmapped', found);
  }
}
