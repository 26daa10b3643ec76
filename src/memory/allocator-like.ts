/** More memory of the kind that there is already. */
import type { DmaMemory } from './dma-memory.ts';
import { allocateHugeMemory } from './huge-memory.ts';
import { allocateSharedMemory } from './memfd-memory.ts';
import { allocatePlainMemory } from './plain-memory.ts';

/** What gives memory that every device reaches which reaches `memory`. */
export function allocatorLike({ kind, descriptor }: DmaMemory): (minimumBytes: number) => DmaMemory {
  if (kind === 'huge') return allocateHugeMemory;
  return descriptor >= 0 ? allocateSharedMemory : allocatePlainMemory;
}
