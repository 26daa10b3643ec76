/** Packet pools of ports that have no driver to make one. */
import { CheckedPacketPool } from '../memory/checked-pool.ts';
import { PacketPool } from '../memory/packet-pool.ts';
import { allocatePlainMemory } from '../memory/plain-memory.ts';
import type { OpenOptions } from './open-options.ts';

/** Enough for some bursts of every loop on the machine to be under way. */
const PACKETS = 4096;
const PAGE_SIZE = 2 ** 21;

export function softPool(name: string, options: OpenOptions): PacketPool {
  const { allocateMemory = allocatePlainMemory, checked = process.env.IXY_CHECK === '1' } = options;
  const memory = allocateMemory(PacketPool.memorySize(PACKETS, PAGE_SIZE));
  return checked ? new CheckedPacketPool(memory, { name }) : new PacketPool(memory, { name });
}
