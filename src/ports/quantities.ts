/** Quantities as people write them: '10G', '2.5Mpps', '50us', '0.1%'. Each parser throws an Error that says what it expects. */
import { formatMac, isMulticastMac, parseMac } from '../packets/index.ts';

const MULTIPLES: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, m: 1e6, M: 1e6, g: 1e9, G: 1e9 };
const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const NUMBER = '(\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)';

/** A line's or a sender's rate: either of the two. */
export type Rate = { readonly bitsPerSecond: number } | { readonly framesPerSecond: number };

/** Bits per second ('10G', '100Mbit/s'), or frames per second with 'pps' ('14.88Mpps'). */
export function parseRate(text: string): Rate {
  const match = new RegExp(`^${NUMBER}([kKmMgG]?)(pps|bit/s|bps)?$`, 'u').exec(text);
  const rate = match ? Number(match[1]) * MULTIPLES[match[2]] : 0;
  if (!match || !(rate > 0) || !Number.isFinite(rate))
    throw new Error("must be bits per second ('10G') or frames per second ('1Mpps')");
  return match[3] === 'pps' ? { framesPerSecond: rate } : { bitsPerSecond: rate };
}

/** A count with a multiplier: '10M'. */
export function parseCount(text: string): number {
  const match = new RegExp(`^${NUMBER}([kKmMgG]?)$`).exec(text);
  const count = match ? Number(match[1]) * MULTIPLES[match[2]] : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new Error("must be a whole number ('64', '10M')");
  return count;
}

/** A parser of whole numbers in a range. */
export function integerFrom(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = parseCount(text);
    if (value < minimum || value > maximum) throw new Error(`must be from ${minimum} to ${maximum}`);
    return value;
  };
}

/** Nanoseconds; the unit is required. */
export function parseDuration(text: string): number {
  const match = new RegExp(`^${NUMBER}(ns|us|µs|ms|s)$`).exec(text);
  if (!match) throw new Error("must be a duration with its unit ('500ns', '50us', '2ms', '1s')");
  return Number(match[1]) * NANOSECONDS[match[2]];
}

/** 0 … 1, from a fraction ('1e-3') or a percentage ('0.1%'). */
export function parseProbability(text: string): number {
  const match = new RegExp(`^${NUMBER}(%?)$`).exec(text);
  const probability = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : Number.NaN;
  if (!(probability >= 0 && probability <= 1)) throw new Error("must be a probability from 0 to 1 ('1e-3')");
  return probability;
}

export function parseBoolean(text: string): boolean {
  if (text === '1' || text === 'true' || text === 'yes') return true;
  if (text === '0' || text === 'false' || text === 'no') return false;
  throw new Error('must be 1 or 0');
}

/** A parser of one word out of a few. */
export function oneOf<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new Error(`must be one of ${words.join(', ')}`);
    return found;
  };
}

/** A MAC address that a station may have, lower-cased. */
export function parseStationMac(text: string): string {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new Error("must be a MAC address ('02:00:00:00:00:01')");
  const mac = parseMac(text);
  if (mac === 0 || isMulticastMac(mac)) throw new Error("must be one station's address, not a group's and not zero");
  return formatMac(mac);
}
