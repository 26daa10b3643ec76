/** Brings together what a driver has spread over the buffers of a chain. */
import { FrameCopier } from '../wires/frame-copier.ts';
import type { Chain } from './chain.ts';

export class ChainGatherer {
  readonly bytes: Uint8Array;
  readonly #copier: FrameCopier;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#copier = new FrameCopier(this.bytes);
  }

  /** Copies `length` of the readable bytes, without the first `skip`: as many must be there, and all mapped. */
  gather(chain: Chain, skip: number, length: number): void {
    let before = skip;
    for (let i = 0, copied = 0; copied < length; i++) {
      const bytes = chain.lengths[i];
      if (before >= bytes) {
        before -= bytes;
        continue;
      }
      const part = Math.min(bytes - before, length - copied);
      this.#copier.copy(chain.regions[i].bytes, chain.offsets[i] + before, copied, part);
      copied += part;
      before = 0;
    }
  }
}
