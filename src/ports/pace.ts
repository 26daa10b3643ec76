/** How fast files are replayed and generators send: parameters that several kinds of ports share. */
import { parseCount, parseRate } from './quantities.ts';

export type Pace = { readonly timing: 'fast' | 'original' } | { readonly framesPerSecond: number };

function parsePace(text: string): Pace {
  if (text === 'fast' || text === 'original') return { timing: text };
  const expected = "must be fast, original, or packets per second ('1Mpps')";
  try {
    const rate = parseRate(text);
    if ('framesPerSecond' in rate) return rate;
  } catch (cause) {
    throw new Error(expected, { cause });
  }
  throw new Error(expected);
}

export const paceParameter = {
  syntax: 'fast|original|PPS',
  meaning:
    "how fast packets come: as fast as they are taken, with a file's own timing, or at a rate such as 1Mpps; default: fast",
  parse: parsePace,
} as const;

export const loopsParameter = {
  syntax: 'N',
  meaning: 'how often the file is read; 0: for ever; default: 1',
  parse: parseCount,
} as const;
