/** Ranges of addresses, ports and CPUs, as options give them: a single value, 'a-b', for addresses a CIDR prefix, for CPUs a list. */
import type { AddressRange, PortRange } from '../packets/index.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6, read32, write32 } from '../packets/index.ts';
import { integerFrom } from '../ports/quantities.ts';

export interface IpRange extends AddressRange {
  readonly version: 4 | 6;
}

/** '10.0.0.1', '10.0.0.1-10.0.0.9', '10.0.0.0/24' (all of it), and the same in IPv6. Throws `ERR_ARGUMENT` or an Error. */
export function parseIpRange(text: string): IpRange {
  const version = text.includes(':') ? 6 : 4;
  const [address, prefix, ...more] = text.split('/');
  if (more.length > 0) throw new Error("must be an address, a range 'a-b', or a prefix 'a/length'");
  if (prefix !== undefined) return { version, ...prefixRange(version, address, prefix) };
  const [first, last = first, ...rest] = address.split('-');
  if (rest.length > 0) throw new Error("must be an address, a range 'a-b', or a prefix 'a/length'");
  const value = (end: string) => (version === 4 ? parseIpv4(end) : read32(parseIpv6(end), 12));
  if (value(last) < value(first)) throw new Error('must not end below its beginning');
  return { version, first, last };
}

/** '1000' or '1000-1999'. */
export function parsePortRange(text: string): PortRange {
  const [first, last = first, ...rest] = text.split('-').map(integerFrom(0, 0xffff));
  if (rest.length > 0) throw new Error("must be a port 0 … 65535 or a range 'a-b'");
  if (last < first) throw new Error('must not end below its beginning');
  return { first, last };
}

/** CPUs as `taskset` takes them: '2-5', '0,2', '0-1,4'. Each once. */
export function parseCores(text: string): number[] {
  const cores = text.split(',').flatMap((part) => {
    const [first, last = first, ...rest] = part.split('-').map(integerFrom(0, 4095));
    if (rest.length > 0) throw new Error("must be CPUs: numbers, ranges 'a-b', or a list of them 'a,b-c'");
    if (last < first) throw new Error('must not end below its beginning');
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  if (new Set(cores).size < cores.length) throw new Error('must name each CPU once');
  return cores;
}

/** The addresses of a prefix. Of IPv6 the last 32 bits may vary, so its prefixes begin at 96. */
function prefixRange(version: 4 | 6, address: string, prefix: string): AddressRange {
  const bits = version === 4 ? 32 : 128;
  const length = integerFrom(bits - 32, bits)(prefix);
  const hostBits = 2 ** (bits - length) - 1;
  const span = (word: number) => [word - (word % (hostBits + 1)), word - (word % (hostBits + 1)) + hostBits];
  if (version === 4) {
    const [first, last] = span(parseIpv4(address)).map(formatIpv4);
    return { first, last };
  }
  const bytes = parseIpv6(address);
  const [first, last] = span(read32(bytes, 12)).map((word) => {
    write32(bytes, 12, word);
    return formatIpv6(bytes);
  });
  return { first, last };
}
