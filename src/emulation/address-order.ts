/** Ranges of addresses, in an array in order of where they begin. */
interface Range {
  readonly address: number;
}

/** How many of `ranges` begin at `address` or before; where a new one goes. */
export function countUpTo(ranges: readonly Range[], address: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle].address <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
