/**
 * Views that let V8 check one index for four elements, where it would check four, and keep them all in registers.
 */

/** Views of one array that begin a step apart. They are equally long, so that V8 checks one index for all of them. */
export type FourViews<T> = readonly [T, T, T, T];

/** The first view begins `first` into `array`; the last index is that from which `step` elements are left in the last view. */
export function fourViews<T extends Int32Array | Float64Array | Uint16Array>(
  array: T,
  step: number,
  first = 0,
): FourViews<T> {
  const length = Math.max(0, array.length - 4 * step + 1);
  const view = (i: number): T => array.subarray(first + i * step, first + i * step + length) as T;
  return [view(0), view(1), view(2), view(3)];
}
