import { IxyError } from '../errors.ts';

/** Throws `ERR_ARGUMENT` unless `offset` is that of a 32-bit register in a BAR of `size` bytes. */
export function checkRegisterOffset(offset: number, size: number): void {
  if (Number.isInteger(offset) && offset >= 0 && offset < size && offset % 4 === 0) return;
  throw new IxyError('ERR_ARGUMENT', `a register's offset must be a multiple of 4 below ${size}, found ${offset}`);
}
