/**
 * Memory that devices can reach: what it is, and how a device's address for it is found.
 */

/** A region of pinned memory. Its owner frees it once no device can reach it any more. */
export interface DmaMemory {
  /** The bytes; shareable with worker threads if it is a SharedArrayBuffer or, through `descriptor`, mapped again there. */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Bytes in the region; a multiple of `pageSize`. */
  readonly size: number;
  /** Bytes that are contiguous for a device: no single buffer may straddle a multiple of this. */
  readonly pageSize: number;
  /** File descriptor behind the mapping, or −1. */
  readonly descriptor: number;
  readonly kind: 'huge' | 'plain';
  /** Gives the memory back to the system. Idempotent. The caller has unmapped it from every domain before. */
  free(): void;
}

/**
 * The address space that a group of devices shares: an IOMMU container, physical memory, or the emulation's table.
 * A packet received on one device can be sent on any other in the same domain without a copy.
 */
export interface DmaDomain {
  /** An IOMMU stands between: its addresses mean other memory to a device that it does not translate for. */
  readonly translated: boolean;
  /** Makes `memory` reachable. Mapping it again counts; each `map` needs an `unmap`. */
  map(memory: DmaMemory): void;
  /** Takes back one `map`; with the last one, devices lose access. */
  unmap(memory: DmaMemory): void;
  /**
   * The device's address of the byte at `offset`, below 2^53; contiguous up to the next multiple of `memory.pageSize`.
   * Throws `ERR_DMA_UNMAPPED` if the memory is not mapped in this domain.
   */
  addressOf(memory: DmaMemory, offset: number): number;
}

/** Low 32 bits of an address, as an int32 for typed-array stores. */
export function addressLow(address: number): number {
  return address | 0;
}

/** Bits 32 … 63 of an address, as an int32. */
export function addressHigh(address: number): number {
  return Math.floor(address / 0x1_0000_0000) | 0;
}
