/**
 * Mappings that adjoin where the device sees them, and nowhere else, as one piece: behind a guest's IOMMU each page of a ring
 * is a mapping of its own. The pages that a ring or buffer lies on are mapped once more, side by side, so that a model finds
 * memory like any other. That ends with the first of them that is unmapped.
 */
import { systemErrorCode } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { type DmaRegion, dmaRegion } from '../dma-regions.ts';

interface Join {
  readonly region: DmaRegion;
  readonly memory: ArrayBuffer;
}

/** Bytes of rings, and of buffers, that are joined at a time: beyond, the oldest are taken for forgotten. */
const MAXIMUM_BYTES = 2 ** 24;
const NO_BORDER = 2 ** 31;

export class JoinedMemory {
  /** Oldest first, and apart, so that no number of buffers takes the memory of a ring, which is looked up but once. */
  #rings: Join[] = [];
  #buffers: Join[] = [];

  /** The bytes `address … address+length-1`, if they were joined before: for a ring, only if that is kept. */
  find(address: number, length: number, isRing: boolean): DmaRegion | undefined {
    return find(this.#rings, address, length) ?? (isRing ? undefined : find(this.#buffers, address, length));
  }

  /**
   * Joins whole pages, of one mapping each, which the device sees from `address` on; undefined if the kernel cannot, as with
   * huge pages. What a ring lies on is kept for it.
   */
  join(address: number, pieces: readonly Uint8Array[], isRing: boolean): DmaRegion | undefined {
    let memory: ArrayBuffer;
    try {
      memory = addon().joinMappings(pieces);
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      return undefined;
    }
    const region = dmaRegion(address, memory, memory.byteLength, NO_BORDER);
    const joins = isRing ? this.#rings : this.#buffers;
    joins.push({ region, memory });
    let bytes = joins.reduce((sum, join) => sum + join.region.size, 0);
    for (; bytes > MAXIMUM_BYTES; bytes -= end(joins.shift()));
    return region;
  }

  /** Ends what has a part of this range. */
  remove(address: number, size: number): void {
    const isPart = ({ region }: Join): boolean =>
      region.address < address + size && address < region.address + region.size;
    for (const join of [...this.#rings, ...this.#buffers]) if (isPart(join)) end(join);
    const isThere = ({ region }: Join): boolean => region.size > 0;
    this.#rings = this.#rings.filter(isThere);
    this.#buffers = this.#buffers.filter(isThere);
  }

  /** Forgets the rings. */
  forget(): void {
    for (const join of this.#rings) end(join);
    this.#rings = [];
  }
}

/** Returns how many bytes there were. */
function end(join: Join | undefined): number {
  if (!join) return 0;
  const { region, memory } = join;
  const { size } = region;
  region.size = 0;
  addon().munmap(memory);
  return size;
}

function find(joins: readonly Join[], address: number, length: number): DmaRegion | undefined {
  const join = joins.find(
    ({ region }) => address >= region.address && address + length <= region.address + region.size,
  );
  return join?.region;
}
