/**
 * Mappings that adjoin where the device sees them, and nowhere else, as one piece: behind a guest's IOMMU each page of a ring
 * is a mapping of its own. The pages that a ring or buffer lies on are mapped once more, side by side, so that a model finds
 * memory like any other. That ends with the first of them that is unmapped.
 */
import { systemErrorCode } from '../../errors.ts';
import { type DmaRegion, dmaRegion } from '../dma-regions.ts';
import { joinPieces, unmap } from './client-mappings.ts';
import { Refusal } from './refusal.ts';

interface Join {
  readonly region: DmaRegion;
  readonly memory: ArrayBuffer;
  /** Mappings that it takes. */
  readonly pieces: number;
}

interface Limit {
  readonly bytes: number;
  readonly pieces: number;
}

/** Twice what an 82599 has with 256 rings of 128 KiB, on 33 pages each; beyond, the oldest are taken for forgotten. */
const RINGS: Limit = { bytes: 2 ** 26, pieces: 2 ** 14 };
/** Buffers that are kept, as they are used again and again, the newest ones. */
const BUFFERS: Limit = { bytes: 2 ** 24, pieces: 2 ** 12 };
/** Buffers in the midst of a burst: the models may hold any of them, so that none is taken back, and no more are joined. */
const BUFFERS_IN_BURST: Limit = { bytes: 2 ** 26, pieces: 2 ** 14 };

export class JoinedMemory {
  /** Apart, so that no number of buffers takes the memory of a ring, which is looked up but once. */
  readonly #rings = new Joins();
  readonly #buffers = new Joins();

  /** The bytes `address … address+length-1`, if they were joined before: for a ring, only if that is kept. */
  find(address: number, length: number, isRing: boolean): DmaRegion | undefined {
    return this.#rings.find(address, length) ?? (isRing ? undefined : this.#buffers.find(address, length));
  }

  /**
   * Joins whole pages, of one mapping each, which the device sees from `address` on; undefined if the kernel cannot, as with
   * huge pages, or if these are too many. What a ring lies on is kept for it.
   */
  join(address: number, pieces: readonly Uint8Array[], isRing: boolean): DmaRegion | undefined {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (!isRing && !this.#buffers.fits(BUFFERS_IN_BURST, bytes, pieces.length)) return undefined;
    const memory = tryToJoin(pieces);
    if (!memory) return undefined;
    const region = dmaRegion(address, memory, bytes);
    const joins = isRing ? this.#rings : this.#buffers;
    joins.add({ region, memory, pieces: pieces.length });
    if (isRing) joins.trim(RINGS);
    return region;
  }

  /** A burst of work is done, and its buffers are used no more: ends those that are too many to be kept. */
  trim(): void {
    this.#buffers.trim(BUFFERS);
  }

  /** Ends what has a part of this range. */
  remove(address: number, size: number): void {
    this.#rings.remove(address, size);
    this.#buffers.remove(address, size);
  }

  /** Forgets the rings. */
  forget(): void {
    this.#rings.remove(0, Number.POSITIVE_INFINITY);
  }
}

/** Oldest first. */
class Joins {
  #joins: Join[] = [];
  #bytes = 0;
  #pieces = 0;

  /** Whether so much more is within the limit. */
  fits(limit: Limit, bytes = 0, pieces = 0): boolean {
    return this.#bytes + bytes <= limit.bytes && this.#pieces + pieces <= limit.pieces;
  }

  add(join: Join): void {
    this.#joins.push(join);
    this.#bytes += join.region.size;
    this.#pieces += join.pieces;
  }

  find(address: number, length: number): DmaRegion | undefined {
    const join = this.#joins.find(
      ({ region }) => address >= region.address && address + length <= region.address + region.size,
    );
    return join?.region;
  }

  /** Ends the oldest, down to a limit. */
  trim(limit: Limit): void {
    let ended = 0;
    for (; !this.fits(limit); ended++) this.#end(this.#joins[ended]);
    if (ended > 0) this.#joins.splice(0, ended);
  }

  remove(address: number, size: number): void {
    for (const join of this.#joins) {
      const { region } = join;
      if (region.address < address + size && address < region.address + region.size) this.#end(join);
    }
    this.#joins = this.#joins.filter(({ region }) => region.size > 0);
  }

  #end({ region, memory, pieces }: Join): void {
    this.#bytes -= region.size;
    this.#pieces -= pieces;
    region.size = 0;
    unmap(memory, pieces);
  }
}

function tryToJoin(pieces: readonly Uint8Array[]): ArrayBuffer | undefined {
  try {
    return joinPieces(pieces);
  } catch (error) {
    if (!(error instanceof Refusal) && systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}
