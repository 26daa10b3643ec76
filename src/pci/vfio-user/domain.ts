/**
 * The address space of all vfio-user devices of this process: memory has one address for all of them, whoever serves them, so that
 * a packet which one has received is sent by another from where it lies.
 */
import { IxyError } from '../../errors.ts';
import type { DmaDomain, DmaMemory } from '../../memory/dma-memory.ts';
import { IovaAllocator } from '../vfio/iova-allocator.ts';
import type { VfioUserClient } from './client.ts';
import { DMA_READABLE, DMA_WRITABLE, dmaMap, dmaUnmap } from './payloads.ts';
import { COMMAND } from './protocol.ts';

interface Mapping {
  readonly address: number;
  users: number;
}

/** Above 4 GiB, so that a lost upper half of an address is noticed, and with no more bits than legacy virtio devices take. */
const ADDRESSES = { start: 2 ** 32, end: 2 ** 44 };
/** Memory lies far apart, so that no device runs from one into the next. */
const ALIGNMENT = 2 ** 30;

export class VfioUserDomain implements DmaDomain {
  static readonly shared = new VfioUserDomain();

  /** Devices get each address translated by their server, and know of no IOMMU. */
  readonly translated = false;
  readonly #addresses = new IovaAllocator([ADDRESSES]);
  readonly #mappings = new Map<DmaMemory, Mapping>();
  readonly #clients = new Set<VfioUserClient>();

  /** A device joins, and reaches what is mapped. Throws as `VfioUserClient.call`. */
  join(client: VfioUserClient): void {
    for (const [memory, { address }] of this.#mappings) mapFor(client, memory, address);
    this.#clients.add(client);
  }

  /** The device is about to be closed: its server forgets what was mapped. Idempotent. */
  leave(client: VfioUserClient): void {
    this.#clients.delete(client);
  }

  /**
   * Throws `ERR_DMA_UNMAPPED` if the memory has no descriptor, `ERR_SYSTEM` if a server refuses it, with nothing changed. That a
   * server is gone is no error here: whoever uses its device finds out.
   */
  map(memory: DmaMemory): void {
    const known = this.#mappings.get(memory);
    if (known) {
      known.users++;
      return;
    }
    const address = this.#allocate(memory);
    const told: VfioUserClient[] = [];
    try {
      for (const client of this.#clients) {
        unlessLost(client, () => mapFor(client, memory, address));
        told.push(client);
      }
    } catch (error) {
      for (const client of told) unlessLost(client, () => unmapFor(client, memory, address));
      this.#addresses.free(address);
      throw error;
    }
    this.#mappings.set(memory, { address, users: 1 });
  }

  unmap(memory: DmaMemory): void {
    const mapping = this.#mappings.get(memory);
    if (!mapping) throw notMapped(0);
    if (--mapping.users > 0) return;
    this.#mappings.delete(memory);
    for (const client of this.#clients) unlessLost(client, () => unmapFor(client, memory, mapping.address));
    this.#addresses.free(mapping.address);
  }

  addressOf(memory: DmaMemory, offset: number): number {
    const mapping = this.#mappings.get(memory);
    if (!mapping || !(offset >= 0 && offset < memory.size)) throw notMapped(offset);
    return mapping.address + offset;
  }

  #allocate({ descriptor, size, pageSize }: DmaMemory): number {
    if (descriptor < 0) {
      throw new IxyError(
        'ERR_DMA_UNMAPPED',
        'memory for vfio-user devices must have a descriptor, by which their servers map it; use allocateSharedMemory',
      );
    }
    const address = this.#addresses.allocate(size, Math.max(pageSize, ALIGNMENT));
    if (address !== undefined) return address;
    throw new IxyError('ERR_OUT_OF_MEMORY', `there are no ${size} bytes of device addresses in a row left`);
  }
}

function mapFor(client: VfioUserClient, { descriptor, size }: DmaMemory, address: number): void {
  const flags = DMA_READABLE | DMA_WRITABLE;
  client.call(COMMAND.DMA_MAP, dmaMap.encode({ argsz: dmaMap.size, flags, offset: 0, address, size }), [descriptor]);
}

function unmapFor(client: VfioUserClient, { size }: DmaMemory, address: number): void {
  client.call(COMMAND.DMA_UNMAP, dmaUnmap.encode({ argsz: dmaUnmap.size, address, size }));
}

function unlessLost(client: VfioUserClient, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error !== client.loss) throw error;
  }
}

function notMapped(offset: number): IxyError {
  return new IxyError('ERR_DMA_UNMAPPED', `byte ${offset} of this memory is not mapped for vfio-user devices`);
}
