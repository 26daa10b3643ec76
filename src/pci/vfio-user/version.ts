/**
 * The first message each way: the protocol's version, and what each side can do, as JSON that ends with a zero byte.
 *
 * One capability is our own: `ixy_doorbells`. With it a client asks for memory that it can ring doorbells in by plain stores,
 * and a server says that it has some: it then comes as the descriptor of GET_REGION_INFO, which the protocol has for parts of a
 * region that may be mapped. The protocol's own way, DEVICE_GET_REGION_IO_FDS with its shadow memory, wants a table of single
 * registers and an eventfd written at each store: 256 descriptors for the tails of an 82599, and a system call where a driver
 * stores. Nor may the memory be offered to whoever comes: a virtual machine monitor would map it into its guest, whose accesses
 * to registers there would then reach nobody.
 */
import { MAXIMUM_TRANSFER, malformed } from './protocol.ts';

export const MAJOR = 0;
export const MINOR = 0;
const NUMBERS_BYTES = 4;

export interface Version {
  readonly major: number;
  readonly minor: number;
  /** Descriptors that the sender takes with one message. */
  readonly maximumDescriptors: number;
  /** Bytes that the sender takes in one transfer. */
  readonly maximumTransfer: number;
  /** Client: asks for doorbells in shared memory; server: has them. */
  readonly doorbells: boolean;
}

/** What a side that says nothing of it can do. */
const DEFAULT_DESCRIPTORS = 1;

export function encodeVersion({ major, minor, maximumDescriptors, maximumTransfer, doorbells }: Version): Uint8Array {
  const limits = { max_msg_fds: maximumDescriptors, max_data_xfer_size: maximumTransfer };
  const capabilities = doorbells ? { ...limits, ixy_doorbells: true } : limits;
  const text = Buffer.from(`${JSON.stringify({ capabilities })}\0`);
  const bytes = new Uint8Array(NUMBERS_BYTES + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, major, true);
  view.setUint16(2, minor, true);
  bytes.set(text, NUMBERS_BYTES);
  return bytes;
}

/** Throws `ERR_BAD_PACKET`. Capabilities that are not known here do no harm. */
export function decodeVersion(bytes: Uint8Array): Version {
  if (bytes.length < NUMBERS_BYTES) {
    throw malformed(`VERSION: the payload has at least ${NUMBERS_BYTES} bytes, found ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const capabilities = bytes.length > NUMBERS_BYTES ? parseCapabilities(bytes.subarray(NUMBERS_BYTES)) : {};
  return {
    major: view.getUint16(0, true),
    minor: view.getUint16(2, true),
    maximumDescriptors: limit(capabilities, 'max_msg_fds', DEFAULT_DESCRIPTORS),
    maximumTransfer: limit(capabilities, 'max_data_xfer_size', MAXIMUM_TRANSFER),
    doorbells: flag(capabilities, 'ixy_doorbells'),
  };
}

function parseCapabilities(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes[bytes.length - 1] !== 0) throw malformed('VERSION: the JSON text must end with a zero byte');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.subarray(0, -1)).toString('utf8'));
  } catch {
    throw malformed('VERSION: the capabilities must be JSON');
  }
  if (!isObject(value)) throw malformed('VERSION: the capabilities must be a JSON object');
  const { capabilities = {} } = value;
  if (!isObject(capabilities)) throw malformed("VERSION: 'capabilities' must be a JSON object");
  return capabilities;
}

function limit(capabilities: Readonly<Record<string, unknown>>, name: string, standard: number): number {
  const value = capabilities[name] ?? standard;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(`VERSION: ${name} must be a number, found ${JSON.stringify(value)}`);
}

function flag(capabilities: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = capabilities[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw malformed(`VERSION: ${name} must be true or false, found ${JSON.stringify(value)}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
