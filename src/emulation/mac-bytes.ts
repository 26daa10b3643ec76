import { parseMac, writeMac } from '../packets/addresses.ts';

/** The six bytes of 'aa:bb:cc:dd:ee:ff'. Throws `ERR_ARGUMENT`. */
export function macBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(6);
  writeMac(bytes, 0, parseMac(text));
  return bytes;
}
