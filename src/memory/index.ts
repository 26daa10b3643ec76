/** DMA memory, packet pools and batches. */
export { CheckedPacketPool, createPacketPool } from './checked-pool.ts';
export type { DmaDomain, DmaMemory } from './dma-memory.ts';
export { allocateHugeMemory, type HugeMemoryOptions } from './huge-memory.ts';
export { PacketBatch } from './packet-batch.ts';
export {
  DEFAULT_HEADROOM,
  NO_PACKET,
  type PacketAddresses,
  PacketPool,
  type PacketPoolOptions,
  SLOT_STRIDE,
} from './packet-pool.ts';
export { allocatePlainMemory } from './plain-memory.ts';
