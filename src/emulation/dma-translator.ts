/** A device's way to memory: translates addresses, remembers the last region, allocates nothing. */
import { type DmaRegion, type DmaRegions, NOWHERE } from './dma-regions.ts';

export class DmaTranslator {
  /** Where the last successful translation points. Valid after `translate` returned ≥ 0. */
  region: DmaRegion = NOWHERE;
  readonly #regions: DmaRegions;

  constructor(regions: DmaRegions) {
    this.#regions = regions;
  }

  /**
   * The offset in `region.bytes` of the `length` bytes that begin at a device address given as two 32-bit halves, or −1
   * if they are not all mapped in one region.
   */
  translate(low: number, high: number, length: number): number {
    const address = (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
    const offset = address - this.region.address;
    if (offset >= 0 && offset + length <= this.region.size) return offset | 0;
    return this.#lookUp(address, length);
  }

  #lookUp(address: number, length: number): number {
    const region = this.#regions.find(address, length);
    if (!region) return -1;
    this.region = region;
    return (address - region.address) | 0;
  }
}
