/** Numbers for people. */

/** 1234567.8 → '1.235'. */
export function millions(value: number): string {
  return (value / 1e6).toFixed(3);
}

export function billions(value: number): string {
  return (value / 1e9).toFixed(3);
}

/** 1234567 → '1,234,567'. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** Cuts the middle out of a text that is too long. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = (length - 1) / 2;
  return `${text.slice(0, Math.ceil(half))}…${text.slice(-Math.floor(half))}`;
}
