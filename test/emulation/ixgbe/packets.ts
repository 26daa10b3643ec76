/** Frames with IP packets, made a byte at a time from the RFCs, apart from src/packets: to compare the model with. */
import { MAC } from './test-driver.ts';

export const TCP = 6;
export const UDP = 17;
export const SCTP = 132;

export interface PacketFields {
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly protocol?: number;
  readonly payload?: Uint8Array;
  /** Tag control information. */
  readonly vlan?: number;
  /** Flags and offset of IPv4. */
  readonly fragment?: number;
  /** Where the frame goes. */
  readonly to?: string;
}

/** A frame with an IPv4 or, by its addresses, IPv6 packet; all checksums are right. */
export function packet(fields: PacketFields = {}): Uint8Array {
  const { source = '10.0.0.1', destination = '10.0.0.2', protocol = UDP, fragment = 0 } = fields;
  const transport = fragment & 0x1fff ? [...(fields.payload ?? [])] : transportOf({ ...fields, protocol });
  const isIpv6 = source.includes(':');
  const addresses = [...addressBytes(source), ...addressBytes(destination)];
  if (protocol !== SCTP && (fragment & 0x1fff) === 0) {
    const at = protocol === TCP ? 16 : 6;
    const sum = checksum([...addresses, ...word(protocol), ...word(transport.length), ...transport]);
    transport.splice(at, 2, ...word(protocol === UDP && sum === 0 ? 0xffff : sum));
  }
  const network = isIpv6
    ? [0x60, 0, 0, 0, ...word(transport.length), protocol, 64, ...addresses]
    : [0x45, 0, ...word(20 + transport.length), 0x12, 0x34, ...word(fragment), 64, protocol, 0, 0, ...addresses];
  if (!isIpv6) network.splice(10, 2, ...word(checksum(network)));
  const tag = fields.vlan === undefined ? [] : [0x81, 0x00, ...word(fields.vlan)];
  const type = isIpv6 ? [0x86, 0xdd] : [0x08, 0x00];
  const to = (fields.to ?? MAC).split(':').map((byte) => Number.parseInt(byte, 16));
  const frame = [...to, 2, 0, 0, 0, 0, 1, ...tag, ...type, ...network, ...transport];
  while (frame.length < 60) frame.push(0);
  return Uint8Array.from(frame);
}

function transportOf({ protocol, sourcePort = 1000, destinationPort = 2000, payload }: PacketFields): number[] {
  const data = [...(payload ?? [])];
  const ports = [...word(sourcePort), ...word(destinationPort)];
  if (protocol === TCP) return [...ports, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0x10, 0, 0, 0, 0, 0, ...data];
  if (protocol === UDP) return [...ports, ...word(8 + data.length), 0, 0, ...data];
  if (protocol !== SCTP) return data;
  const bytes = [...ports, 0, 0, 0, 9, 0, 0, 0, 0, ...data];
  const crc = castagnoli(bytes);
  bytes.splice(8, 4, crc & 0xff, (crc >>> 8) & 0xff, (crc >>> 16) & 0xff, crc >>> 24);
  return bytes;
}

export function word(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

/** Of IPv4 or IPv6. */
export function addressBytes(text: string): number[] {
  if (!text.includes(':')) return text.split('.').map(Number);
  const [front, back = ''] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').flatMap((group) => word(Number.parseInt(group, 16)));
  const rest = text.includes('::') ? groups(back) : [];
  const start = groups(front);
  return [...start, ...new Array(16 - start.length - rest.length).fill(0), ...rest];
}

/** RFC 1071, word by word. */
export function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** CRC32c, bit by bit. */
function castagnoli(bytes: readonly number[]): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
