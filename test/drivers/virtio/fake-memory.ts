/** An address space for fakes: every memory that is mapped gets a range of its own, and nothing else can be reached. */
import type { DmaDomain, DmaMemory } from '../../../src/memory/dma-memory.ts';

/** Ranges are this far apart, above 4 GiB, so that lost upper halves and overruns hit nothing. */
const DISTANCE = 2 ** 33;

export class FakeDomain implements DmaDomain {
  translated = false;
  readonly mapped = new Map<DmaMemory, { readonly base: number; users: number }>();
  #next = 2 ** 32 + 2 ** 21;

  map(memory: DmaMemory): void {
    const known = this.mapped.get(memory);
    if (known) {
      known.users++;
      return;
    }
    this.mapped.set(memory, { base: this.#next, users: 1 });
    this.#next += DISTANCE;
  }

  unmap(memory: DmaMemory): void {
    const mapping = this.mapped.get(memory);
    if (!mapping) throw new Error('unmapped without having been mapped');
    if (--mapping.users === 0) this.mapped.delete(memory);
  }

  addressOf(memory: DmaMemory, offset: number): number {
    const mapping = this.mapped.get(memory);
    if (!mapping) throw new Error('not mapped');
    return mapping.base + offset;
  }

  /** What the device sees at `address`. */
  at(address: number, length: number): DataView {
    for (const [memory, { base }] of this.mapped) {
      if (address < base || address + length > base + memory.size) continue;
      return new DataView(memory.buffer, address - base, length);
    }
    throw new Error(`the device reached for ${length} bytes at 0x${address.toString(16)}, where nothing is mapped`);
  }
}
