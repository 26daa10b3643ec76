/** The address space of all VFIO devices of this process: one IOMMU domain, in addresses that are chosen here. */
import { IxyError, systemErrorCode } from '../../errors.ts';
import type { DmaDomain, DmaMemory } from '../../memory/dma-memory.ts';
import { lockLimit, RAISE_LOCK_LIMIT } from '../../memory/lock-limit.ts';
import { addon } from '../../native/addon.ts';
import { type AddressRange, IovaAllocator } from './iova-allocator.ts';
import { structs, VFIO } from './vfio-abi.ts';
import { ask, decodeArray, findCapability } from './vfio-calls.ts';

interface Mapping {
  readonly iova: number;
  users: number;
}

/** What kernels before 5.4, which do not say, translate at least: 39 bits, without the window of x86 for interrupts. */
const UNTOLD_RANGES: readonly AddressRange[] = [
  { start: 0, end: 0xfee0_0000 },
  { start: 0xfef0_0000, end: 2 ** 39 },
];

export class Type1Domain implements DmaDomain {
  readonly translated = true;
  readonly #mappings = new Map<DmaMemory, Mapping>();
  readonly #addresses = new IovaAllocator();
  #container: number;
  /** Bytes in the smallest page that the IOMMU knows. */
  #pageSize = 4096;

  /** `container`: descriptor of a container whose IOMMU is of type 1, version 2. */
  constructor(container: number) {
    this.#container = container;
    this.refresh();
  }

  /** Asks what the IOMMU translates; to be called when a group has come, which may reserve addresses. */
  refresh(): void {
    const { fields, bytes } = ask(this.#container, VFIO.IOMMU_GET_INFO, structs.iommu_type1_info);
    const { flags, iova_pgsizes: sizes, cap_offset: first } = fields;
    if ((flags & VFIO.IOMMU_INFO_PGSIZES) !== 0) this.#pageSize = Number(sizes & -sizes);
    const chain = (flags & VFIO.IOMMU_INFO_CAPS) !== 0 ? first : 0;
    const at = findCapability(bytes, chain, VFIO.IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
    this.#addresses.restrict(at === undefined ? UNTOLD_RANGES : iovaRanges(bytes, at));
  }

  /**
   * Throws `ERR_DMA_UNMAPPED` if the memory does not begin at a page, `ERR_PERMISSION` if this process may not lock so
   * much, `ERR_OUT_OF_MEMORY` if the IOMMU has no addresses left, `ERR_CLOSED` if no device is open.
   */
  map(memory: DmaMemory): void {
    const known = this.#mappings.get(memory);
    if (known) {
      known.users++;
      return;
    }
    if (this.#container < 0) throw new IxyError('ERR_CLOSED', 'memory cannot be mapped: no VFIO device is open');
    this.#mappings.set(memory, { iova: this.#mapFirst(memory), users: 1 });
  }

  unmap(memory: DmaMemory): void {
    const mapping = this.#mappings.get(memory);
    if (!mapping) throw notMapped(0);
    if (--mapping.users > 0) return;
    this.#mappings.delete(memory);
    // Without devices the kernel has forgotten all mappings.
    if (this.#container < 0) return;
    const { size } = memory;
    const request = structs.iommu_type1_dma_unmap.encode({
      argsz: structs.iommu_type1_dma_unmap.size,
      iova: mapping.iova,
      size,
    });
    addon().ioctl(this.#container, VFIO.IOMMU_UNMAP_DMA, request);
    this.#addresses.free(mapping.iova);
  }

  addressOf(memory: DmaMemory, offset: number): number {
    const mapping = this.#mappings.get(memory);
    if (!mapping || !(offset >= 0 && offset < memory.size)) throw notMapped(offset);
    return mapping.iova + offset;
  }

  /** The last device has gone, and the container with it. */
  end(): void {
    this.#container = -1;
  }

  #mapFirst(memory: DmaMemory): number {
    const { size, pageSize } = memory;
    const vaddr = addon().addressOf(new Uint8Array(memory.buffer));
    if (vaddr % this.#pageSize !== 0 || size % this.#pageSize !== 0) {
      throw new IxyError(
        'ERR_DMA_UNMAPPED',
        `memory for VFIO devices must begin and end at a page of ${this.#pageSize} bytes; use allocateHugeMemory`,
      );
    }
    checkLockLimit(size);
    // At a multiple of its own page size, so that the IOMMU can use pages as large.
    const iova = this.#addresses.allocate(size, Math.max(pageSize, this.#pageSize));
    if (iova === undefined) {
      throw new IxyError('ERR_OUT_OF_MEMORY', `the IOMMU has no ${size} bytes of device addresses in a row left`);
    }
    const { DMA_MAP_FLAG_READ, DMA_MAP_FLAG_WRITE, IOMMU_MAP_DMA } = VFIO;
    const struct = structs.iommu_type1_dma_map;
    const flags = DMA_MAP_FLAG_READ | DMA_MAP_FLAG_WRITE;
    try {
      addon().ioctl(this.#container, IOMMU_MAP_DMA, struct.encode({ argsz: struct.size, flags, vaddr, iova, size }));
    } catch (error) {
      this.#addresses.free(iova);
      throw systemErrorCode(error) === 'ENOMEM' ? tooMuch(size, error) : error;
    }
    return iova;
  }
}

function iovaRanges(bytes: Uint8Array, at: number): AddressRange[] {
  const head = structs.iommu_type1_info_cap_iova_range;
  const { nr_iovas: count } = head.decode(bytes, at);
  return decodeArray(structs.iova_range, bytes, at + head.size, count).map(({ start, end }) => ({
    start: Number(start),
    end: Number(end) + 1,
  }));
}

/** The kernel refuses a mapping that it may not pin, but only after it has pinned all that it may, and without a reason. */
function checkLockLimit(size: number): void {
  const { limit, locked } = lockLimit();
  if (locked + size > limit) throw tooMuch(size);
}

function tooMuch(size: number, cause?: unknown): IxyError {
  const { limit, locked } = lockLimit();
  const allowed = Number.isFinite(limit) ? `${limit} bytes, of which ${locked} are in use` : 'no more';
  return new IxyError(
    'ERR_PERMISSION',
    `${size} bytes of DMA memory must be locked, but this process may lock ${allowed}; ${RAISE_LOCK_LIMIT}`,
    { cause },
  );
}

function notMapped(offset: number): IxyError {
  return new IxyError('ERR_DMA_UNMAPPED', `byte ${offset} of this memory is not mapped for VFIO devices`);
}
