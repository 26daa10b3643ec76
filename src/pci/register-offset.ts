/** The one check that stands before every access to a real device's registers. */
import { IxyError } from '../errors.ts';

/** `offset`, if an access of `width` bytes there is aligned and within `size` bytes. Throws `ERR_ARGUMENT`. */
export function checkedRegisterOffset(address: string, offset: number, width: number, size: number): number {
  if (Number.isInteger(offset) && offset >= 0 && offset + width <= size && offset % width === 0) return offset;
  throw new IxyError(
    'ERR_ARGUMENT',
    `${address}: register offset must be a multiple of ${width} below ${size}, found ${offset}`,
  );
}
