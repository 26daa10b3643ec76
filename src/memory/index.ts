/** DMA memory, packet pools and batches. */
export { CheckedPacketPool, createPacketPool } from './checked-pool.ts';
export type { DmaDomain, DmaMemory } from './dma-memory.ts';
export { allocateHugeMemory, type HugeMemoryOptions } from './huge-memory.ts';
export { allocateSharedMemory } from './memfd-memory.ts';
export { MultiProducerRing, type MultiProducerRingOptions, MultiRingConsumer } from './multi-producer-ring.ts';
export { PacketBatch } from './packet-batch.ts';
export {
  DEFAULT_HEADROOM,
  NO_PACKET,
  type PacketAddresses,
  PacketPool,
  type PacketPoolOptions,
  SLOT_STRIDE,
} from './packet-pool.ts';
export {
  PacketRing,
  type PacketRingOptions,
  type PacketRingShare,
  RingConsumer,
  RingProducer,
} from './packet-ring.ts';
export { allocatePlainMemory } from './plain-memory.ts';
export { attachMemory, type MemoryShare, shareMemory } from './shared-memory.ts';
export { type PoolShare, SharedPool, type SharedPoolOptions } from './shared-pool.ts';
