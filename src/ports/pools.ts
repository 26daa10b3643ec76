/** Packet pools of ports that have no driver to make one. */
import { createPacketPool } from '../memory/checked-pool.ts';
import { PacketPool } from '../memory/packet-pool.ts';
import { allocatePlainMemory } from '../memory/plain-memory.ts';
import type { OpenOptions } from './open-options.ts';
import { given } from './optional.ts';

/** Enough for some bursts of every loop on the machine to be under way. */
const PACKETS = 4096;
const PAGE_SIZE = 2 ** 21;

export function softPool(name: string, { allocateMemory = allocatePlainMemory, checked }: OpenOptions): PacketPool {
  const memory = allocateMemory(PacketPool.memorySize(PACKETS, PAGE_SIZE));
  return createPacketPool(memory, { name, ...given({ checked }) });
}
