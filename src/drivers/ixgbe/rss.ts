/**
 * Receive side scaling (82599 datasheet rev 3.4, section 7.1.2.8): the NIC hashes addresses and ports, and looks the queue up
 * by the hash's lowest bits. Switched on while the device is initialised only: to switch it off takes a reset.
 */
import type { IxgbeMac } from '../../datasheet/ixgbe/devices.ts';
import { ixgbe, ixgbeX550 } from '../../datasheet/ixgbe/index.ts';
import { RSS_FIELDS, type RssField } from '../../packets/rss.ts';
import type { RssLimits, RssState } from '../rss.ts';
import { whileReceiveHalted } from './filters.ts';
import type { FieldOf, Registers } from './registers.ts';

/** An entry of RETA has four bits (8.2.3.7.15). */
const MAXIMUM_QUEUES = 16;
const ENTRIES = 128;
const ENTRIES_X550 = 512;
const ENTRIES_PER_REGISTER = 4;
/** MRQC.MRQE: RSS, without virtualization and traffic classes (8.2.3.7.12). */
const RSS_ALONE = 1;

/** Their bits in MRQC. */
const FIELD_BITS: Readonly<Record<RssField, FieldOf<'MRQC'>>> = {
  ipv4: 'IPV4',
  tcp4: 'TCP_IPV4',
  udp4: 'UDP_IPV4',
  ipv6: 'IPV6',
  tcp6: 'TCP_IPV6',
  udp6: 'UDP_IPV6',
};

export function rssLimits(mac: IxgbeMac, rxQueues: number): RssLimits {
  return {
    queues: Math.min(rxQueues, MAXIMUM_QUEUES),
    fields: RSS_FIELDS,
    entries: mac.startsWith('X550') ? ENTRIES_X550 : ENTRIES,
  };
}

/** Switches it on; the receive path must not be open yet. Descriptors then report the hash, not a fragment's checksum. */
export function startRss(registers: Registers, rss: RssState): void {
  writeTable(registers, rss.table);
  writeKey(registers, rss.key);
  registers.update('RXCSUM', { PCSD: 1 });
  registers.assign('MRQC', { MRQE: RSS_ALONE, ...fieldValues(rss) });
}

/**
 * Changes it while packets arrive. The table may change under them, entry by entry; a packet hashed with half a key would go
 * anywhere, so for another key or other fields reception pauses for some microseconds.
 */
export function changeRss(registers: Registers, before: RssState, rss: RssState): void {
  writeTable(registers, rss.table);
  const sameHash = rss.fields.join() === before.fields.join() && Buffer.compare(rss.key, before.key) === 0;
  if (sameHash) return;
  whileReceiveHalted(registers, () => {
    writeKey(registers, rss.key);
    registers.update('MRQC', fieldValues(rss));
  });
}

function fieldValues({ fields }: RssState): { readonly [F in FieldOf<'MRQC'>]?: number } {
  return Object.fromEntries(RSS_FIELDS.map((field) => [FIELD_BITS[field], fields.includes(field) ? 1 : 0]));
}

/** The key's first byte is the lowest of the first register (8.2.3.7.14). */
function writeKey(registers: Registers, key: Uint8Array): void {
  for (let n = 0; n < ixgbe.RSSRK.length; n++) registers.write('RSSRK', littleEndian(key, 4 * n), n);
}

function writeTable(registers: Registers, table: readonly number[]): void {
  const { RETA } = ixgbe;
  for (let n = 0; n < table.length / ENTRIES_PER_REGISTER; n++) {
    const entries = littleEndian(table, ENTRIES_PER_REGISTER * n);
    if (n < RETA.length) registers.write('RETA', entries, n);
    else registers.file.write32(ixgbeX550.ERETA.at(n - RETA.length), entries);
  }
}

function littleEndian(bytes: ArrayLike<number>, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
