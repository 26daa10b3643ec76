/**
 * Which pair of queues a frame comes in by: either automatic receive steering (virtio 1.2, section 5.1.6.5.6), where frames of
 * a flow come in by the pair that the driver sent the flow's last frame by, and flows that it never sent anything of are
 * spread by some hash; or receive side scaling (5.1.6.5.7), by the driver's table.
 */
import { HASH_REPORT_NONE } from '../../../datasheet/virtio/net.ts';
import { read16 } from '../../../packets/bytes.ts';
import type { RssTable } from './hash-commands.ts';
import { PacketHash } from './packet-hash.ts';

/** Flows that the device tells apart; flows with the same hash share an entry. */
const ENTRIES = 1024;
const UNKNOWN = 0;

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = 0x8100;
const TCP = 6;
const UDP = 17;

export class Steering {
  /** Pairs in use: 1 until the driver sets another number. */
  pairs = 1;
  /** Of the frame that was steered last. */
  readonly hash = new PacketHash();
  #table: RssTable | undefined;
  /** Pair plus one, by hash. */
  readonly #learned = new Uint16Array(ENTRIES);

  reset(): void {
    this.hash.reset();
    this.steerAutomatically(1);
    this.#learned.fill(UNKNOWN);
  }

  steerAutomatically(pairs: number): void {
    this.pairs = pairs;
    this.#table = undefined;
  }

  /** `pairs`: those that the driver sends by. */
  steerByTable(pairs: number, table: RssTable): void {
    this.pairs = pairs;
    this.#table = table;
  }

  /** The driver has sent this frame by `pair`. */
  learn(bytes: Uint8Array, offset: number, length: number, pair: number): void {
    if (this.pairs > 1) this.#learned[flowHash(bytes, offset, length) % ENTRIES] = pair + 1;
  }

  /** The pair that this frame comes in by. */
  choose(bytes: Uint8Array, offset: number, length: number): number {
    this.hash.find(bytes, offset, length);
    if (this.#table) return this.#lookUp(this.#table);
    if (this.pairs === 1) return 0;
    const hash = flowHash(bytes, offset, length);
    const known = this.#learned[hash % ENTRIES];
    return known === UNKNOWN || known > this.pairs ? hash % this.pairs : known - 1;
  }

  #lookUp({ entries, unclassified }: RssTable): number {
    const { report, value } = this.hash;
    return report === HASH_REPORT_NONE ? unclassified : entries[value & (entries.length - 1)];
  }
}

/** A hash of addresses, protocol and ports that is the same in both directions; unsigned. 0 for frames that are not IP. */
function flowHash(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let at = offset + 12;
  if (read16(bytes, at) === VLAN) at += 4;
  const type = read16(bytes, at);
  const ip = at + 2;
  if (type === IPV4 && ip + 20 <= end) {
    const fragment = (read16(bytes, ip + 6) & 0x3fff) !== 0;
    const hash = mixAddresses(bytes, ip + 12, 4);
    return finish(hash, bytes, bytes[ip + 9], fragment ? end : ip + 4 * (bytes[ip] & 0x0f), end);
  }
  if (type === IPV6 && ip + 40 <= end) {
    return finish(mixAddresses(bytes, ip + 8, 16), bytes, bytes[ip + 6], ip + 40, end);
  }
  return 0;
}

/** Of two addresses in a row, of `size` bytes each. */
function mixAddresses(bytes: Uint8Array, at: number, size: number): number {
  let hash = 0;
  for (let i = 0; i < size; i += 2) {
    hash = (Math.imul(hash, 31) + read16(bytes, at + i) + read16(bytes, at + size + i)) | 0;
  }
  return hash;
}

function finish(hash: number, bytes: Uint8Array, protocol: number, ports: number, end: number): number {
  const hasPorts = (protocol === TCP || protocol === UDP) && ports + 4 <= end;
  const mixed = hash ^ (hasPorts ? (read16(bytes, ports) + read16(bytes, ports + 2)) << 8 : 0) ^ protocol;
  const spread = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b_3c6d);
  return (spread ^ (spread >>> 13)) >>> 0;
}
