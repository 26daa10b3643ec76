/** Opening ports by their URIs. */
import type { NetDevice } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';
import { emulatedScheme } from './emulated-port.ts';
import type { OpenOptions } from './open-options.ts';
import { pcapScheme } from './pcap-port.ts';
import { pciScheme } from './pci-port.ts';
import { PCI_SCHEME, parsePortUri } from './port-uri.ts';
import type { PortScheme } from './scheme.ts';
import { tapScheme } from './tap-port.ts';

/** Every kind of port there is; a new one is one more entry. */
export const PORT_SCHEMES: readonly PortScheme[] = [pciScheme, emulatedScheme, tapScheme, pcapScheme];

/**
 * Opens the port that `uri` names: '0000:03:00.0', 'emulated:ixgbe?wire=tap:tap0', 'tap:tap0', 'pcap:in.pcap', … The caller
 * closes it. Throws `ERR_PORT_URI` for a URI that is malformed, or has an unknown scheme or parameter; otherwise what
 * opening a port of that kind throws.
 */
export async function open(uri: string, options: OpenOptions = {}): Promise<NetDevice> {
  const parsed = parsePortUri(uri);
  const scheme = PORT_SCHEMES.find((candidate) => candidate.scheme === parsed.scheme);
  if (!scheme) {
    const schemes = PORT_SCHEMES.map((known) => known.scheme).filter((name) => name !== PCI_SCHEME);
    throw new IxyError(
      'ERR_PORT_URI',
      `port '${uri}': unknown scheme '${parsed.scheme}'; a PCI address has none; ${knownOrNear(parsed.scheme, schemes)}`,
    );
  }
  return scheme.open(parsed, options);
}

export { portHelpMarkdown, portHelpText } from './help.ts';
export type { OpenOptions } from './open-options.ts';
export { formatPortUri, type PortUri, parsePortUri } from './port-uri.ts';
export type { PortScheme } from './scheme.ts';
