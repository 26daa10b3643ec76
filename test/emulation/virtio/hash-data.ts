/** Data of the commands that set hashes up (virtio 1.2, sections 5.1.6.5.6.4 and 5.1.6.5.7), byte by byte. */
import { PUBLISHED_KEY } from '../../support/published-hashes.ts';

const ALL_TYPES = 0x3f;
const KEY = [...Buffer.from(PUBLISHED_KEY, 'hex')];

interface HashFields {
  readonly types?: number;
  readonly key?: readonly number[];
}

interface RssFields extends HashFields {
  readonly table?: readonly number[];
  readonly unclassified?: number;
  readonly transmit?: number;
}

const word = (value: number): number[] => [value & 0xff, value >>> 8];
const double = (value: number): number[] => [...word(value & 0xffff), ...word(value >>> 16)];

export function hashConfig({ types = ALL_TYPES, key = KEY }: HashFields = {}): number[] {
  return [...double(types), 0, 0, 0, 0, 0, 0, 0, 0, key.length, ...key];
}

export function rssConfig(fields: RssFields = {}): number[] {
  const { types = ALL_TYPES, key = KEY } = fields;
  const { table = [0], unclassified = 0, transmit = 1 } = fields;
  const places = [...word(table.length - 1), ...word(unclassified), ...table.flatMap(word), ...word(transmit)];
  return [...double(types), ...places, key.length, ...key];
}
