/** The commands that set hashes up (virtio 1.2, sections 5.1.6.5.6.4 and 5.1.6.5.7): what they say, and whether it is sound. */
import { hexadecimal } from '../../../hexadecimal.ts';
import type { ControlTarget } from './control-commands.ts';
import { HASH_KEY_BYTES, HASH_TYPES } from './packet-hash.ts';
import { type Refusal, refuse } from './refusal.ts';

/** rss_max_indirection_table_length. */
export const RSS_TABLE_ENTRIES = 128;

const RESERVED_BYTES = 8;

/** Where hashes send packets to: pairs of queues, by the hash's lowest bits. */
export interface RssTable {
  readonly entries: Uint16Array;
  /** For packets without a hash. */
  readonly unclassified: number;
}

/** Types, room, and the key with its length in front. */
export function configureHash(data: DataView, target: ControlTarget): Refusal | undefined {
  const types = data.byteLength < 4 ? 0 : data.getUint32(0, true);
  const key = keyAt(data, 4 + RESERVED_BYTES);
  if (!key) return refuse('control.length', `${data.byteLength} bytes`);
  const refusal = checkHash(types, key);
  if (!refusal) target.setHash(types, key);
  return refusal;
}

/** Types, the table's mask, the queue of packets without a hash, the table, transmit queues, the key with its length. */
export function configureRss(data: DataView, target: ControlTarget): Refusal | undefined {
  const tooShort = (): Refusal => refuse('control.length', `${data.byteLength} bytes`);
  if (data.byteLength < 8) return tooShort();
  const types = data.getUint32(0, true);
  const length = data.getUint16(4, true) + 1;
  const behind = 8 + 2 * length;
  const key = keyAt(data, behind + 2);
  if (!key) return tooShort();
  if ((length & (length - 1)) !== 0 || length > RSS_TABLE_ENTRIES) {
    return refuse('control.rss-table', `${length} entries of ${RSS_TABLE_ENTRIES}`);
  }
  const unclassified = data.getUint16(6, true);
  const entries = Uint16Array.from({ length }, (_, i) => data.getUint16(8 + 2 * i, true));
  const highest = Math.max(unclassified, ...entries);
  if (highest >= target.maximumPairs) return refuse('control.rss-queue', `queue ${highest} of ${target.maximumPairs}`);
  const pairs = data.getUint16(behind, true);
  if (pairs < 1 || pairs > target.maximumPairs) return refuse('control.pairs', `${pairs} of ${target.maximumPairs}`);
  const refusal = checkHash(types, key);
  if (refusal) return refusal;
  const needed = Math.max(pairs, highest + 1);
  if (!target.setRss(pairs, needed, { entries, unclassified })) {
    return refuse('control.pairs-not-enabled', `${needed} pairs`);
  }
  target.setHash(types, key);
  return undefined;
}

function checkHash(types: number, key: Uint8Array): Refusal | undefined {
  if ((types & ~HASH_TYPES) !== 0) return refuse('control.hash-types', `${hexadecimal(types)}`);
  return key.length > HASH_KEY_BYTES ? refuse('control.hash-key', `${key.length} bytes`) : undefined;
}

/** The last part of the data: a length in a byte, and as many bytes. */
function keyAt(data: DataView, at: number): Uint8Array | undefined {
  if (at >= data.byteLength || at + 1 + data.getUint8(at) !== data.byteLength) return undefined;
  return new Uint8Array(data.buffer, data.byteOffset + at + 1, data.getUint8(at)).slice();
}
