/** Spreads bytes over the buffers of a chain that a device may write. */
import { NOWHERE } from '../dma-regions.ts';
import { Chain } from './chain.ts';

export class ChainScatterer {
  #chain = new Chain(0);
  /** The buffer that is being filled, and how many bytes are in it. */
  #buffer = 0;
  #filled = 0;

  begin(chain: Chain): void {
    this.#chain = chain;
    this.#buffer = chain.readable;
    this.#filled = 0;
  }

  /** Puts words at the begin of the chain, where they usually fit as they are. False, and nothing done, if they do not. */
  writeWords(source: Int32Array): boolean {
    const chain = this.#chain;
    const buffer = chain.readable;
    const offset = chain.offsets[buffer];
    const bytes = source.length * 4;
    if ((offset & 3) !== 0 || chain.lengths[buffer] <= bytes) return false;
    const { words } = chain.regions[buffer];
    for (let i = 0; i < source.length; i++) words[(offset >>> 2) + i] = source[i];
    this.#filled = bytes;
    return true;
  }

  /** Appends a range; what the chain has no room for is cut off. A write to an unmapped address is lost on its way. */
  write(source: Uint8Array, from: number, length: number): void {
    const chain = this.#chain;
    for (let written = 0; written < length && this.#buffer < chain.count; ) {
      const buffer = this.#buffer;
      const filled = this.#filled;
      const part = Math.min(length - written, chain.lengths[buffer] - filled);
      const region = chain.regions[buffer];
      if (region !== NOWHERE) region.copier.copy(source, from + written, chain.offsets[buffer] + filled, part);
      written += part;
      if (filled + part < chain.lengths[buffer]) this.#filled = filled + part;
      else {
        this.#buffer = buffer + 1;
        this.#filled = 0;
      }
    }
  }
}
