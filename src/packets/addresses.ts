/**
 * Text forms of addresses. A MAC address is a number of 48 bits, an IPv4 address an unsigned number of 32 bits (both in
 * the order in which they are written, so comparing and counting work); an IPv6 address is 16 bytes.
 */
import { IxyError } from '../errors.ts';
import { hexDigits } from '../hexadecimal.ts';
import { read16, read32, write16, write32 } from './bytes.ts';

/** ff:ff:ff:ff:ff:ff. */
export const BROADCAST_MAC = 0xffff_ffff_ffff;

/** Loads the 48-bit MAC address at `offset`. */
export function readMac(bytes: Uint8Array, offset: number): number {
  return read16(bytes, offset) * 0x1_0000_0000 + read32(bytes, offset + 2);
}

/** Stores a 48-bit MAC address at `offset`. */
export function writeMac(bytes: Uint8Array, offset: number, mac: number): void {
  write16(bytes, offset, Math.floor(mac / 0x1_0000_0000));
  write32(bytes, offset + 2, mac);
}

/** Whether the group bit (first byte, bit 0) is set: multicast and broadcast. */
export function isMulticastMac(mac: number): boolean {
  return (Math.floor(mac / 0x100_0000_0000) & 1) === 1;
}

/** 'aa:bb:cc:dd:ee:ff' or 'aa-bb-cc-dd-ee-ff', either case, two digits each. Throws `ERR_ARGUMENT`. */
export function parseMac(text: string): number {
  if (!/^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)) {
    throw new IxyError('ERR_ARGUMENT', `a MAC address looks like 02:00:00:00:00:01, found '${text}'`);
  }
  return Number.parseInt(text.replace(/[:-]/g, ''), 16);
}

/** Lower case, with colons. */
export function formatMac(mac: number): string {
  const digits = hexDigits(mac, 12);
  return digits.replace(/..(?=.)/g, '$&:');
}

/** Four decimal numbers 0 … 255 without leading zeros (which some read as octal). Throws `ERR_ARGUMENT`. */
export function parseIpv4(text: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const parts = match?.slice(1) ?? [];
  if (parts.length !== 4 || parts.some((part) => Number(part) > 255 || String(Number(part)) !== part)) {
    throw new IxyError('ERR_ARGUMENT', `an IPv4 address looks like 10.0.0.1 (no leading zeros), found '${text}'`);
  }
  return parts.reduce((address, part) => address * 256 + Number(part), 0);
}

/** Dotted decimal, of an address of 32 bits, signed or not. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Any text form of RFC 4291, section 2.2, without a zone and without a prefix length. Throws `ERR_ARGUMENT`. */
export function parseIpv6(text: string): Uint8Array {
  const groups = ipv6Groups(text);
  if (!groups) throw new IxyError('ERR_ARGUMENT', `an IPv6 address looks like 2001:db8::1, found '${text}'`);
  const bytes = new Uint8Array(16);
  groups.forEach((group, i) => {
    write16(bytes, i * 2, group);
  });
  return bytes;
}

function ipv6Groups(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const last = halves.length - 1;
  const parsed = halves.map((half, i) => hexGroups(half, i === last));
  const [front, back] = parsed;
  if (!front) return undefined;
  if (halves.length === 1) return front.length === 8 ? front : undefined;
  // '::' stands for at least one group of zeros.
  if (!back || front.length + back.length > 7) return undefined;
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}

function hexGroups(half: string, mayEndInIpv4: boolean): number[] | undefined {
  if (half === '') return [];
  const groups: number[] = [];
  const parts = half.split(':');
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else if (mayEndInIpv4 && i === parts.length - 1 && part.includes('.')) {
      const address = parseIpv4(part);
      groups.push(address >>> 16, address & 0xffff);
    } else {
      return undefined;
    }
  }
  return groups;
}

/** The canonical form of RFC 5952 of the 16 bytes at `offset`: lower case, the longest run of zero groups as '::'. */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  const groups = Array.from({ length: 8 }, (_, i) => read16(bytes, offset + i * 2));
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(':');
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: i - length + 1, length };
  }
  return best;
}
