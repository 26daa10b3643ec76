/**
 * The emulated IOMMU: gives memory addresses that only devices know. They lie above 4 GiB, so that a driver which loses
 * the high half is found out, and far enough apart that an overrun hits nothing.
 */
import { IxyError } from '../errors.ts';
import type { DmaDomain, DmaMemory } from '../memory/dma-memory.ts';
import { DmaRegions } from './dma-regions.ts';

/** The first mapping larger than 2 MiB crosses a multiple of 4 GiB: the carry into the high half counts. */
const FIRST_ADDRESS = 0x11_ffe0_0000;
/** Regions begin at multiples of this, and at least as much stays free between them. */
const GRANULE = 2 ** 21;
/** Offsets into a region are small integers in the models. */
const MAXIMUM_SIZE = 2 ** 31 - GRANULE;

/** Who follows the domain's changes: device threads, which keep a table of their own. Both calls return when done. */
export interface DomainFollower {
  mapped(memory: DmaMemory, address: number): void;
  unmapped(memory: DmaMemory, address: number): void;
}

interface Mapping {
  readonly address: number;
  users: number;
}

/** An address space that exists for emulated devices only; maps up to 2 GiB at once. */
export class EmulatedDomain implements DmaDomain {
  /** The domain of all emulated devices of this process, unless they are given another. */
  static readonly shared = new EmulatedDomain();

  readonly translated = false;
  /** What devices on this thread can reach. */
  readonly regions = new DmaRegions();
  readonly #mappings = new Map<DmaMemory, Mapping>();
  readonly #followers = new Set<DomainFollower>();
  #next = FIRST_ADDRESS;

  map(memory: DmaMemory): void {
    const known = this.#mappings.get(memory);
    if (known) {
      known.users++;
      return;
    }
    if (memory.size > MAXIMUM_SIZE) {
      throw new IxyError('ERR_ARGUMENT', `emulated devices reach ${MAXIMUM_SIZE} bytes at once, found ${memory.size}`);
    }
    const address = this.#next;
    const told: DomainFollower[] = [];
    try {
      for (const follower of this.#followers) {
        follower.mapped(memory, address);
        told.push(follower);
      }
    } catch (error) {
      for (const follower of told) follower.unmapped(memory, address);
      throw error;
    }
    this.#next = address + (Math.ceil(memory.size / GRANULE) + 1) * GRANULE;
    this.regions.add(address, memory.buffer, memory.size, memory.pageSize);
    this.#mappings.set(memory, { address, users: 1 });
  }

  unmap(memory: DmaMemory): void {
    const mapping = this.#mappings.get(memory);
    if (!mapping) throw new IxyError('ERR_DMA_UNMAPPED', 'this memory is not mapped in the emulated domain');
    if (--mapping.users > 0) return;
    this.#mappings.delete(memory);
    this.regions.remove(mapping.address);
    for (const follower of this.#followers) follower.unmapped(memory, mapping.address);
  }

  addressOf(memory: DmaMemory, offset: number): number {
    const mapping = this.#mappings.get(memory);
    if (!mapping || !(offset >= 0 && offset < memory.size)) {
      throw new IxyError('ERR_DMA_UNMAPPED', `byte ${offset} of this memory is not mapped in the emulated domain`);
    }
    return mapping.address + offset;
  }

  /** Tells `follower` of every mapping, those that exist first. */
  follow(follower: DomainFollower): void {
    for (const [memory, { address }] of this.#mappings) follower.mapped(memory, address);
    this.#followers.add(follower);
  }

  unfollow(follower: DomainFollower): void {
    this.#followers.delete(follower);
  }
}
