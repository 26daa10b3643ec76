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
import type { PortScheme } from './scheme.ts';
import { tapScheme } from './tap-port.ts';

/** Every kind of port there is; a new one is one more entry. */
export const PORT_SCHEMES: readonly PortScheme[] = [
  pciScheme,
  emulatedIxgbeScheme,
  emulatedVirtioScheme,
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

export { portHelpMarkdown, portHelpText } from './help.ts';
export type { OpenOptions } from './open-options.ts';
export { formatPortUri, type PortUri, parsePortUri } from './port-uri.ts';
export type { PortScheme } from './scheme.ts';
