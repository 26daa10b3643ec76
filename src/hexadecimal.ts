/** Numbers as people read them in datasheets. */

/** At least so many digits, lower case: '00fb' for 0xfb and 4. */
export function hexDigits(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** With '0x' in front. */
export function hexadecimal(value: number | bigint, digits = 1): string {
  return `0x${hexDigits(value, digits)}`;
}
