/** Hands out addresses for devices, within what the IOMMU translates. */

/** Bytes from `start` up to, not including, `end`. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** Address 0 means "none" to many a device, and a stray pointer mostly lies close to it: never handed out. */
const LOWEST = 2 ** 21;

export class IovaAllocator {
  #usable: readonly AddressRange[] = [];
  /** Ascending. */
  readonly #taken: AddressRange[] = [];

  /** `usable`: in any order, apart from each other. */
  constructor(usable: readonly AddressRange[] = []) {
    this.restrict(usable);
  }

  /** From now on only addresses in `usable` are handed out: it changes with the devices that share the IOMMU. */
  restrict(usable: readonly AddressRange[]): void {
    this.#usable = usable
      .map(({ start, end }) => ({ start: Math.max(start, LOWEST), end: Math.min(end, Number.MAX_SAFE_INTEGER) }))
      .sort((a, b) => a.start - b.start);
  }

  /**
   * The lowest free `size` bytes at a multiple of `alignment`: low addresses suit devices that know few address bits.
   * Undefined if there are none.
   */
  allocate(size: number, alignment: number): number | undefined {
    for (const range of this.#usable) {
      const start = this.#fit(range, size, alignment);
      if (start === undefined) continue;
      const next = this.#taken.findIndex((taken) => taken.start > start);
      this.#taken.splice(next < 0 ? this.#taken.length : next, 0, { start, end: start + size });
      return start;
    }
    return undefined;
  }

  /** Gives back what `allocate` returned. */
  free(start: number): void {
    const index = this.#taken.findIndex((taken) => taken.start === start);
    if (index >= 0) this.#taken.splice(index, 1);
  }

  #fit(range: AddressRange, size: number, alignment: number): number | undefined {
    const align = (address: number): number => Math.ceil(address / alignment) * alignment;
    let start = align(range.start);
    for (const taken of this.#taken) {
      if (taken.start >= start + size) break;
      if (taken.end > start) start = align(taken.end);
    }
    return start + size <= range.end ? start : undefined;
  }
}
