/** Opening ports by their URIs. */
import type { NetDevice } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';
import { emulatedIxgbeScheme } from './emulated-ixgbe.ts';
import { emulatedVirtioScheme } from './emulated-virtio.ts';
import type { OpenOptions } from './open-options.ts';
import { pcapScheme } from './pcap-port.ts';
import { pciScheme } from './pci-port.ts';
import { PCI_SCHEME, type PortUri, parsePortUri } from './port-uri.ts';
import type { EmulatedNicSpec, PortScheme } from './scheme.ts';
import { tapScheme } from './tap-port.ts';
import { vfioUserScheme } from './vfio-user-port.ts';

/** Every kind of port there is; a new one is one more entry. */
export const PORT_SCHEMES: readonly PortScheme[] = [
  pciScheme,
  emulatedIxgbeScheme,
  emulatedVirtioScheme,
  vfioUserScheme,
  tapScheme,
  pcapScheme,
];

/**
 * Opens the port that `uri` names: '0000:03:00.0', 'emulated:ixgbe?wire=tap:tap0', 'tap:tap0', 'pcap:in.pcap', … The caller
 * closes it. Throws `ERR_PORT_URI` for a URI that is malformed, or has an unknown scheme or parameter; otherwise what
 * opening a port of that kind throws.
 */
export async function open(uri: string, options: OpenOptions = {}): Promise<NetDevice> {
  const parsed = parsePortUri(uri);
  return findScheme(uri, parsed).open(parsed, options);
}

/**
 * The emulated NIC that `uri` names ('emulated:ixgbe?wire=tap:tap0'), for who lets others drive it. Throws `ERR_PORT_URI`, also
 * for ports that are none, and for parameters that are about the driver's side.
 */
export function describeEmulatedNic(uri: string): EmulatedNicSpec {
  const parsed = parsePortUri(uri);
  const { describe } = findScheme(uri, parsed);
  if (describe) return describe(parsed);
  const known = PORT_SCHEMES.filter((scheme) => scheme.describe).map(({ syntax }) => syntax);
  throw new IxyError('ERR_PORT_URI', `port '${uri}' is no emulated NIC; expected ${known.join(' or ')}`);
}

function findScheme(uri: string, { scheme, target }: PortUri): PortScheme {
  const kinds = PORT_SCHEMES.filter((candidate) => candidate.scheme === scheme);
  const found = kinds.find((kind) => kind.target === undefined || kind.target === target);
  if (found) return found;
  if (kinds.length > 0) {
    const targets = kinds.flatMap((kind) => kind.target ?? []);
    throw new IxyError('ERR_PORT_URI', `port '${uri}': unknown NIC '${target}'; ${knownOrNear(target, targets)}`);
  }
  const schemes = new Set(PORT_SCHEMES.map((known) => known.scheme).filter((name) => name !== PCI_SCHEME));
  throw new IxyError(
    'ERR_PORT_URI',
    `port '${uri}': unknown scheme '${scheme}'; a PCI address has none; ${knownOrNear(scheme, [...schemes])}`,
  );
}

export { borrowQueues } from './borrow-queues.ts';
export { portHelpMarkdown, portHelpText } from './help.ts';
export type { OpenOptions } from './open-options.ts';
export { formatPortUri, type PortUri, parsePortUri } from './port-uri.ts';
export type { EmulatedNicSpec, PortScheme } from './scheme.ts';
