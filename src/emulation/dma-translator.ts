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
   * The offset in `region.bytes` of the `length` bytes that begin at a device address given as two int32, or −1 if they
   * are not all mapped in one region. Regions are smaller than 2^31, which makes all of this integer arithmetic.
   */
  translate(low: number, high: number, length: number): number {
    const { region } = this;
    const offset = (low - region.low) | 0;
    const carry = low >>> 0 < region.low >>> 0 ? 1 : 0;
    if (offset >= 0 && offset <= region.size - length && high === ((region.high + carry) | 0)) return offset;
    return this.#lookUp((high >>> 0) * 0x1_0000_0000 + (low >>> 0), length);
  }

  #lookUp(address: number, length: number): number {
    const region = this.#regions.find(address, length);
    if (!region) return -1;
    this.region = region;
    return address - region.address;
  }
}
