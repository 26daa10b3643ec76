/** The memory behind a device's queues: a heap for its rings, and a pool of its own. */
import { createPacketPool } from '../memory/checked-pool.ts';
import { type DmaBlock, DmaHeap } from '../memory/dma-heap.ts';
import type { DmaDomain, DmaMemory } from '../memory/dma-memory.ts';
import { HUGE_PAGE_2_MIB } from '../memory/huge-pages.ts';
import { PacketPool } from '../memory/packet-pool.ts';

/** Packets of a device's own pool beyond what fills its rings: for the application's batches. */
const SPARE_PACKETS = 2048;

/** Gives at least `minimumBytes` of memory that the device's domain can map. */
export type AllocateMemory = (minimumBytes: number) => DmaMemory;

/** Where the device finds a ring, and how long it is. */
export interface RingPlace {
  readonly address: number;
  readonly bytes: number;
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

export function placeOf(domain: DmaDomain, { memory, offset, bytes }: DmaBlock): RingPlace {
  return { address: domain.addressOf(memory, offset), bytes: bytes.length };
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
