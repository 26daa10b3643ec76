/** The memory behind a device's queues: a heap for its rings, and a pool of its own. */
import { createPacketPool } from '../memory/checked-pool.ts';
import { type DmaBlock, DmaHeap } from '../memory/dma-heap.ts';
import type { DmaDomain, DmaMemory } from '../memory/dma-memory.ts';
import { HUGE_PAGE_2_MIB } from '../memory/huge-pages.ts';
import { PacketPool } from '../memory/packet-pool.ts';

/** Packets of a device's own pool beyond what fills its rings: for the application's batches. */
const SPARE_PACKETS = 2048;

/**
 * Words of a queue's state. Typed arrays below this length would lie on the JavaScript heap and move, which the engine
 * makes no constants of.
 */
const STATE_WORDS = 32;

/** Gives at least `minimumBytes` of memory that the device's domain can map. */
export type AllocateMemory = (minimumBytes: number) => DmaMemory;

/** Where the device finds a ring, and how long it is. */
export interface RingPlace {
  readonly address: number;
  readonly bytes: number;
  readonly block: DmaBlock;
}

/** A heap for rings of `totalBytes` in all; its memory is mapped in `domain` until the heap is closed. */
export function createRingHeap(domain: DmaDomain, allocateMemory: AllocateMemory, totalBytes: number): DmaHeap {
  return new DmaHeap({
    grow: (minimumBytes) => {
      const memory = allocateMemory(Math.max(minimumBytes, totalBytes));
      domain.map(memory);
      return memory;
    },
    release: (memory) => {
      domain.unmap(memory);
      memory.free();
    },
  });
}

export function placeOf(domain: DmaDomain, block: DmaBlock): RingPlace {
  return { address: domain.addressOf(block.memory, block.offset), bytes: block.bytes.length, block };
}

/** Where a queue keeps its positions and counters: zeroed, and in shared memory, so that queues can be lent. */
export function createQueueState(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(STATE_WORDS * Int32Array.BYTES_PER_ELEMENT));
}

/** Where a queue keeps its totals, likewise. */
export function createQueueTotals(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(STATE_WORDS * Float64Array.BYTES_PER_ELEMENT));
}

/** Begins a queue's positions anew; its counters, at those indices, go on. */
export function restartPositions(state: Int32Array, counters: readonly number[]): void {
  for (let i = 0; i < state.length; i++) if (!counters.includes(i)) state[i] = 0;
}

/** A block as 32-bit words. */
export function wordsOf({ bytes }: DmaBlock): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** A device's own pool: it fills rings of `descriptors` in all, with packets to spare. Whoever asked closes it. */
export function createDevicePool(
  address: string,
  descriptors: number,
  options: { readonly allocateMemory: AllocateMemory; readonly checked: boolean },
): PacketPool {
  const memory = options.allocateMemory(PacketPool.memorySize(descriptors + SPARE_PACKETS, HUGE_PAGE_2_MIB));
  return createPacketPool(memory, { name: `${address} pool`, checked: options.checked });
}
