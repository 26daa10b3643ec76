/**
 * Receive side scaling in software: which hash and which queue a NIC finds for a frame (82599 datasheet rev 3.4, section
 * 7.1.2.8). By definition, bit by bit, in some 200 ns for IPv4: for predicting, testing, and where no NIC has done it.
 */
import { RssHeaders } from './rss-headers.ts';
import { ABSENT } from './stack.ts';
import { toeplitzHash } from './toeplitz.ts';

/**
 * Kinds of packets that may be hashed: 'ipv4' and 'ipv6' by addresses, the others by addresses and ports. The kind with
 * ports goes first; fragments have none. Without 'ipv4', an IPv4 packet that is neither 'tcp4' nor 'udp4' has no hash.
 */
export const RSS_FIELDS = ['ipv4', 'tcp4', 'udp4', 'ipv6', 'tcp6', 'udp6'] as const;
export type RssField = (typeof RSS_FIELDS)[number];

/** How hashes are made. */
export interface RssFunction {
  /** 40 bytes. */
  readonly key: Uint8Array;
  readonly fields: readonly RssField[];
}

/** How queues are found: `nic.rss()` is one. */
export interface RssSteering extends RssFunction {
  /** Queues by the lowest bits of the hash; a power of two of them. */
  readonly table: ArrayLike<number>;
}

const IPV4_ADDRESSES = 12;
const IPV4_ADDRESS_BYTES = 8;
const IPV6_ADDRESSES = 8;
const IPV6_ADDRESS_BYTES = 32;
const PORT_BYTES = 4;

const headers = new RssHeaders();

/** By which field the frame `bytes[offset … offset+length-1]` (without CRC) is hashed; undefined: by none. */
export function rssFieldOf(
  bytes: Uint8Array,
  offset: number,
  length: number,
  fields: readonly RssField[],
): RssField | undefined {
  headers.parse(bytes, offset, length);
  const { network, transport, isIpv4, isTcp } = headers;
  if (network === ABSENT) return undefined;
  if (transport !== ABSENT) {
    const withPorts = isIpv4 ? (isTcp ? 'tcp4' : 'udp4') : isTcp ? 'tcp6' : 'udp6';
    if (fields.includes(withPorts)) return withPorts;
  }
  const addresses = isIpv4 ? 'ipv4' : 'ipv6';
  return fields.includes(addresses) ? addresses : undefined;
}

/** The hash of a frame, 0 … 2^32−1, as `pool.rssHash` has it; 0 if no field covers it. */
export function rssHash(bytes: Uint8Array, offset: number, length: number, rss: RssFunction): number {
  const field = rssFieldOf(bytes, offset, length, rss.fields);
  return field === undefined ? 0 : hashOf(bytes, field, rss.key) >>> 0;
}

/** The queue that a frame is steered to; 0 if no field covers it. */
export function rssQueueOf(bytes: Uint8Array, offset: number, length: number, rss: RssSteering): number {
  const field = rssFieldOf(bytes, offset, length, rss.fields);
  return field === undefined ? 0 : rss.table[hashOf(bytes, field, rss.key) & (rss.table.length - 1)];
}

/** An int32, of the frame whose headers were found last: unlike an unsigned number it never costs an allocation. */
function hashOf(bytes: Uint8Array, field: RssField, key: Uint8Array): number {
  const { network, transport, isIpv4 } = headers;
  const length = isIpv4 ? IPV4_ADDRESS_BYTES : IPV6_ADDRESS_BYTES;
  const addresses = toeplitzHash(key, bytes, network + (isIpv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES), length);
  if (field === 'ipv4' || field === 'ipv6') return addresses;
  return addresses ^ toeplitzHash(key, bytes, transport, PORT_BYTES, length);
}
