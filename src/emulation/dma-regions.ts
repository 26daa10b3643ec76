/**
 * The memory that emulated devices can reach, seen from the device: a table from device addresses to bytes. Each thread
 * with devices on it has its own table over the same memory.
 */
import { addressHigh, addressLow } from '../memory/dma-memory.ts';
import { countUpTo } from './address-order.ts';
import { FrameCopier } from './wires/frame-copier.ts';

/** Memory at a device address. A region whose memory was taken away has size 0, so that cached translations miss. */
export interface DmaRegion {
  readonly address: number;
  /** The address again, as two int32. */
  readonly low: number;
  readonly high: number;
  size: number;
  /** No single buffer may straddle a multiple of this. */
  readonly pageSize: number;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Copies into `bytes`. */
  readonly copier: FrameCopier;
}

/** Larger than any region. */
const NO_BORDER = 2 ** 31;

/** The first `size` bytes of `memory`, seen at `address`. Without a `pageSize` no buffer straddles anything. */
export function dmaRegion(
  address: number,
  memory: ArrayBuffer | SharedArrayBuffer,
  size: number,
  pageSize = NO_BORDER,
): DmaRegion {
  const bytes = new Uint8Array(memory, 0, size);
  const words = new Int32Array(memory, 0, size >>> 2);
  const copier = new FrameCopier(bytes);
  return { address, low: addressLow(address), high: addressHigh(address), size, pageSize, bytes, words, copier };
}

/** A region without memory, where translations begin. */
export const NOWHERE = dmaRegion(0, new ArrayBuffer(0), 0, 1);

/** Whether a buffer's bytes lie on more than one page, of which only each is contiguous for a device. */
export function crossesPage(region: DmaRegion, offset: number, length: number): boolean {
  return Math.floor(offset / region.pageSize) !== Math.floor((offset + length - 1) / region.pageSize);
}

export class DmaRegions {
  /** Where memory is found that is in no region: it must be fetched first. Default: nowhere. */
  elsewhere: (address: number, length: number) => DmaRegion | undefined = () => undefined;
  /**
   * Called when a driver has said that there is something new in a region, or somewhere: what was fetched of it before is out
   * of date.
   */
  renew: (region?: DmaRegion) => void = () => {};
  /** In order of their addresses. One may go on where the next begins already, but not beyond that one. */
  readonly #regions: DmaRegion[] = [];

  add(address: number, memory: ArrayBuffer | SharedArrayBuffer, size: number, pageSize?: number): void {
    this.#regions.splice(countUpTo(this.#regions, address), 0, dmaRegion(address, memory, size, pageSize));
  }

  /** Removes the region that begins at `address`; false if there is none. */
  remove(address: number): boolean {
    const index = countUpTo(this.#regions, address) - 1;
    if (this.#regions[index]?.address !== address) return false;
    this.#regions[index].size = 0;
    this.#regions.splice(index, 1);
    return true;
  }

  /** The region that holds all of `address … address+length-1`, or undefined. */
  find(address: number, length: number): DmaRegion | undefined {
    const regions = this.#regions;
    const last = countUpTo(regions, address) - 1;
    for (let i = last; i >= 0 && i >= last - 1; i--) {
      const candidate = regions[i];
      if (address - candidate.address + length <= candidate.size) return candidate;
    }
    return this.elsewhere(address, length);
  }
}
