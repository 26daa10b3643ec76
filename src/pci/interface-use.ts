/** What a network interface of the kernel is in use for: what a machine loses with it. */
import { existsSync, readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { formatIpv4, formatIpv6 } from '../packets/index.ts';
import type { Sysfs } from './sysfs.ts';

export interface NetworkState {
  /** Addresses of the interfaces that are up, by name. */
  readonly addresses: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** Where the tables of routes lie: 'route' and 'ipv6_route' (proc(5)). */
  readonly routes: string;
}

export const thisMachine: NetworkState = { addresses: networkInterfaces, routes: '/proc/net' };

/** '10.0.0.2/24', 'the default route', 'a route to 10.1.0.0/16', 'br0 (on top of it)'; empty if nothing depends on it. */
export function interfaceUse(name: string, sysfs: Sysfs, network: NetworkState = thisMachine): string[] {
  return [
    ...addresses(name, network),
    ...new Set([...ipv4Routes(name, network), ...ipv6Routes(name, network)]),
    ...sysfs.interfacesUpon(name).map((upper) => `${upper} (on top of it)`),
  ];
}

/** An interface that is merely up gives itself a link-local address, and nobody depends on that. */
function addresses(name: string, network: NetworkState): string[] {
  return Object.entries(network.addresses())
    .filter(([label]) => label.split(':')[0] === name) // 'eth0:1' is a further address of eth0
    .flatMap(([, infos = []]) => infos)
    .filter(({ address }) => !/^fe[89ab]/i.test(address))
    .map(({ address, cidr }) => cidr ?? address);
}

/** Destination and mask are words of the kernel in hexadecimal, so on this architecture with the first byte last. */
function ipv4Routes(name: string, network: NetworkState): string[] {
  return table(network, 'route')
    .filter(([device]) => device === name)
    .map(([, destination, , , , , , mask]) => {
      const length = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
      const bytes = Buffer.from(destination, 'hex').reverse();
      return routeTo(formatIpv4(bytes.readUInt32BE()), length);
    });
}

/** Without routes to multicast and link-local addresses, which every interface has that is up, and to its own. */
function ipv6Routes(name: string, network: NetworkState): string[] {
  const RTF_LOCAL = 0x8000_0000;
  return table(network, 'ipv6_route')
    .filter(([destination, , , , , , , , flags, device]) => {
      const isLocal = (Number.parseInt(flags, 16) & RTF_LOCAL) !== 0;
      return device === name && !isLocal && !/^(ff|fe[89ab])/.test(destination);
    })
    .map(([destination, length]) => routeTo(formatIpv6(Buffer.from(destination, 'hex')), Number.parseInt(length, 16)));
}

function routeTo(destination: string, length: number): string {
  return length === 0 ? 'the default route' : `a route to ${destination}/${length}`;
}

function table(network: NetworkState, name: string): string[][] {
  const path = join(network.routes, name);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words.length > 1);
}
