/** How a pool's memory is cut into slots, and where devices find them. */
import { addressHigh, addressLow, type DmaDomain, type DmaMemory } from './dma-memory.ts';

/**
 * Bytes from one slot to the next: 2048 of data and 64 of headroom. Not a power of two: at a stride of 2048 the first
 * lines of all packets fall into the same few sets of the L1 cache and evict each other.
 */
export const SLOT_STRIDE = 2112;
/** Bytes in front of a fresh packet's data: room for headers that are put before it. */
export const DEFAULT_HEADROOM = 64;

/** A pool's device addresses in one domain, by packet number: where data at the default headroom begins. */
export interface PacketAddresses {
  /** The 64-bit addresses, little-endian, as Float64: copied to a descriptor with one store, never computed with. */
  readonly image: Float64Array;
  /** The same memory in 32-bit words: low, high, low, high, … */
  readonly words: Int32Array;
}

/** Whether no device can be given `slot` as a buffer, because its bytes are not contiguous there. */
export function straddlesPage(slot: number, pageSize: number): boolean {
  const first = slot * SLOT_STRIDE;
  return Math.floor(first / pageSize) !== Math.floor((first + SLOT_STRIDE - 1) / pageSize);
}

/** Addresses of `slots` slots of `memory`, which is mapped in `domain`; 0 where a slot is never used. */
export function packetAddresses(memory: DmaMemory, domain: DmaDomain, slots: number): PacketAddresses {
  const image = new Float64Array(slots);
  const words = new Int32Array(image.buffer);
  for (let slot = 0; slot < slots; slot++) {
    if (straddlesPage(slot, memory.pageSize)) continue;
    const address = domain.addressOf(memory, slot * SLOT_STRIDE) + DEFAULT_HEADROOM;
    words[2 * slot] = addressLow(address);
    words[2 * slot + 1] = addressHigh(address);
  }
  return { image, words };
}
