/** Frames of many flows, and what of each the card's hash covers. */
import { type PacketDescription, PacketTemplate, TCP_RST } from '../../../src/packets/index.ts';
import { STRANGER } from './ear.ts';
import { GUEST } from './judged-nic.ts';

/** What the hash covers beside the addresses; `none` at all: such frames go to queue 0. */
type Hashed = 'ports' | 'addresses' | 'none';

interface FlowKind {
  readonly name: string;
  readonly describe: (i: number) => Omit<PacketDescription, 'ethernet'>;
  readonly hashed: Hashed;
}

export interface Flow {
  readonly name: string;
  readonly frame: Uint8Array;
  /** Undefined: no hash. */
  readonly hashInput: Uint8Array | undefined;
}

const IPV4_ADDRESSES = [26, 34] as const;
const IPV6_ADDRESSES = [22, 54] as const;
const PORTS_BYTES = 4;

/** Addresses of nobody: the guest's kernel drops such packets in silence. */
const ipv4 = (i: number) => ({ source: `10.77.${i}.${3 * i + 1}`, destination: `10.78.${7 * i + 1}.9` });
const ipv6 = (i: number) => ({ source: `2001:db8::${(29 * i + 1).toString(16)}`, destination: `2001:db8:1::${i}` });
const ports = (i: number) => ({ sourcePort: 1000 + 37 * i, destinationPort: 9 + i });

/** `udp`: what the hash covers of UDP, which drivers choose. */
export function flowKinds(udp: Hashed): FlowKind[] {
  const tcp = (i: number) => ({ ...ports(i), flags: TCP_RST });
  return [
    { name: 'TCP/IPv4', hashed: 'ports', describe: (i) => ({ ipv4: ipv4(i), tcp: tcp(i) }) },
    { name: 'TCP/IPv6', hashed: 'ports', describe: (i) => ({ ipv6: ipv6(i), tcp: tcp(i) }) },
    { name: 'UDP/IPv4', hashed: udp, describe: (i) => ({ ipv4: ipv4(i), udp: ports(i) }) },
    { name: 'UDP/IPv6', hashed: udp, describe: (i) => ({ ipv6: ipv6(i), udp: ports(i) }) },
    { name: 'ICMP', hashed: 'addresses', describe: (i) => ({ ipv4: ipv4(i), icmp: {} }) },
    { name: 'ICMPv6', hashed: 'addresses', describe: (i) => ({ ipv6: ipv6(i), icmpv6: {} }) },
    { name: 'no IP', hashed: 'none', describe: () => ({}) },
  ];
}

/** The `i`-th flow of a kind. */
export function flow({ name, describe, hashed }: FlowKind, i: number): Flow {
  const description = describe(i);
  const frame = frameForGuest(description);
  const [begin, end] = description.ipv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
  const hashInput = hashed === 'none' ? undefined : frame.slice(begin, end);
  if (!hashInput || hashed !== 'ports') return { name: `${name} ${i}`, frame, hashInput };
  const transport = description.ipv4 ? IPV4_ADDRESSES[1] : IPV6_ADDRESSES[1];
  const covered = Uint8Array.of(...hashInput, ...frame.subarray(transport, transport + PORTS_BYTES));
  return { name: `${name} ${i}`, frame, hashInput: covered };
}

export function frameForGuest(description: Omit<PacketDescription, 'ethernet'>): Uint8Array {
  return new PacketTemplate({ ethernet: { source: STRANGER, destination: GUEST.mac }, ...description }).bytes;
}
