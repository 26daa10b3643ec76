/** What drivers demand of options, whatever the device. All throw `ERR_ARGUMENT`. */
import { checkInteger, IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';

/**
 * `defaults`, which name every option there is, and over them those of `options` that are not undefined. `owner` begins
 * the message about unknown ones.
 */
export function withDefaults<R extends object>(owner: string, defaults: R, options: Partial<R>): R {
  const known = Object.keys(defaults);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new IxyError('ERR_ARGUMENT', `${owner}: its driver has no option '${key}'; ${knownOrNear(key, known)}`);
    }
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given };
}

/** A ring's length: a power of two in `minimum … maximum`. */
export function checkRingSize(what: string, size: number, minimum: number, maximum: number): void {
  checkInteger(what, size, minimum, maximum);
  if ((size & (size - 1)) !== 0) {
    const next = 2 ** Math.ceil(Math.log2(size));
    throw new IxyError('ERR_ARGUMENT', `${what} must be a power of two, found ${size}; the next is ${next}`);
  }
}

export function checkType(what: string, value: unknown, type: 'boolean' | 'function'): void {
  if (typeof value !== type) throw new IxyError('ERR_ARGUMENT', `${what} must be a ${type}, found ${String(value)}`);
}
