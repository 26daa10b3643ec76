import { mkdirSync, writeFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interfaceUse } from '../../src/pci/interface-use.ts';
import { FakeSysfs } from '../support/fake-sysfs.ts';
import { temporaryDirectory } from '../support/process.ts';

/** As the kernel writes them (proc(5)): hexadecimal words, little-endian for IPv4. */
const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`;
const ZERO = '0'.repeat(32);
const IPV6_ROUTES = `20010db8000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth2
fe800000000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth2
fe800000000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth3
ff000000000000000000000000000000 08 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth3
20010db8000000000000000000000001 80 ${ZERO} 00 ${ZERO} 00000000 00000001 00000000 80200001     eth2
${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth2
`;

function info(cidr: string): NetworkInterfaceInfo {
  const address = cidr.split('/')[0];
  const common = { address, cidr, netmask: '', mac: '', internal: false };
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
}

function useOf(name: string, addresses: Record<string, string[]> = {}, uppers: readonly string[] = []): string[] {
  const routes = temporaryDirectory();
  writeFileSync(join(routes, 'route'), ROUTES);
  writeFileSync(join(routes, 'ipv6_route'), IPV6_ROUTES);
  const { sysfs } = new FakeSysfs();
  for (const upper of uppers) mkdirSync(join(sysfs.under('class/net', name), `upper_${upper}`), { recursive: true });
  const infos = Object.fromEntries(Object.entries(addresses).map(([label, list]) => [label, list.map(info)]));
  return interfaceUse(name, sysfs, { addresses: () => infos, routes });
}

describe('what an interface is in use for', () => {
  it('routes of IPv4', () => {
    expect(useOf('eth0')).toEqual(['the default route', 'a route to 10.0.0.0/24']);
    expect(useOf('eth1')).toEqual(['a route to 192.168.0.0/16']);
  });

  it('routes of IPv6, but not to its own addresses', () => {
    expect(useOf('eth2')).toEqual(['a route to 2001:db8::/64', 'the default route']);
  });

  it('addresses, also those with a label of their own', () => {
    const addresses = {
      eth9: ['10.9.0.1/24', '2001:db8::9/64'],
      'eth9:backup': ['10.9.0.2/24'],
      eth90: ['10.0.0.1/8'],
    };
    expect(useOf('eth9', addresses)).toEqual(['10.9.0.1/24', '2001:db8::9/64', '10.9.0.2/24']);
  });

  it('nothing, if it is merely up', () => {
    expect(useOf('eth3', { eth3: ['fe80::5054:ff:fe12:3404/64'] })).toEqual([]);
    expect(useOf('eth4')).toEqual([]);
  });

  it('bridges and VLANs that stand on it', () => {
    expect(useOf('eth4', {}, ['br0', 'eth4.7'])).toEqual(['br0 (on top of it)', 'eth4.7 (on top of it)']);
  });

  it('where the kernel has no IPv6', () => {
    const { sysfs } = new FakeSysfs();
    expect(interfaceUse('eth0', sysfs, { addresses: () => ({}), routes: temporaryDirectory() })).toEqual([]);
  });
});
