/**
 * Port URIs: `scheme:target?name=value&name=value`, or a bare PCI address. Values and targets may be percent-encoded, and
 * must be where they contain `%`, `&`, `?` or `#`.
 */
import { IxyError } from '../errors.ts';

/** A port URI, taken apart. */
export interface PortUri {
  /** 'tap', 'pcap', 'emulated', …; 'pci' for a bare PCI address. */
  readonly scheme: string;
  /** What stands between the scheme and '?', decoded: an interface, a file, a model, a PCI address with its domain. */
  readonly target: string;
  /** Decoded values by name, in the order written. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Scheme of PCI addresses; the URI is the address itself. */
export const PCI_SCHEME = 'pci';

const PCI_ADDRESS = /^(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[01][0-9a-f]\.[0-7])$/i;
const SCHEME = /^([a-z][a-z0-9_-]*):(.*)$/is;

/** Throws `ERR_PORT_URI` for what does not have the form of a port URI. Whether the scheme is known, `open` says. */
export function parsePortUri(uri: string): PortUri {
  const question = uri.indexOf('?');
  const path = question < 0 ? uri : uri.slice(0, question);
  const parameters = question < 0 ? new Map() : parseParameters(uri, uri.slice(question + 1));
  const address = PCI_ADDRESS.exec(path);
  if (address) {
    const [, domain = '0000', rest] = address;
    return { scheme: PCI_SCHEME, target: `${domain}:${rest}`.toLowerCase(), parameters };
  }
  const match = SCHEME.exec(path);
  if (!match) {
    throw new IxyError(
      'ERR_PORT_URI',
      `'${uri}' is neither a PCI address ('0000:03:00.0') nor SCHEME:TARGET ('tap:tap0')`,
    );
  }
  return { scheme: match[1].toLowerCase(), target: decode(uri, match[2]), parameters };
}

/** The URI in its shortest form; `parsePortUri` makes the same of it. */
export function formatPortUri({ scheme, target, parameters }: PortUri): string {
  const path = scheme === PCI_SCHEME ? target : `${scheme}:${encode(target)}`;
  const query = [...parameters].map(([name, value]) => `${name}=${encode(value)}`).join('&');
  return query === '' ? path : `${path}?${query}`;
}

function parseParameters(uri: string, query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const [, name, value] =
      /^([a-z][a-z0-9-]*)=(.*)$/is.exec(part) ?? malformed(uri, `expected name=value, found '${part}'`);
    if (parameters.has(name)) malformed(uri, `parameter '${name}' is given twice`);
    parameters.set(name, decode(uri, value));
  }
  return parameters;
}

/** Encodes what would end a value early, and what does not survive a terminal. */
function encode(text: string): string {
  return text.replace(/[%&?#\s\p{Cc}]/gu, (character) => encodeURIComponent(character));
}

function decode(uri: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return malformed(uri, `'${text}' has a '%' that is not followed by two hexadecimal digits of UTF-8; write %25`);
  }
}

function malformed(uri: string, what: string): never {
  throw new IxyError('ERR_PORT_URI', `port '${uri}': ${what}`);
}
