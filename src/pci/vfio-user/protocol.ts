/**
 * vfio-user, version 0.0, as data: commands, flags, and the header of every message. A device is served by one process and
 * used by another over a Unix socket; messages carry what VFIO's ioctls do, with the same structures and constants.
 */
import { IxyError } from '../../errors.ts';
import { CStruct } from '../c-struct.ts';

export const COMMAND = {
  VERSION: 1,
  DMA_MAP: 2,
  DMA_UNMAP: 3,
  DEVICE_GET_INFO: 4,
  GET_REGION_INFO: 5,
  GET_IRQ_INFO: 7,
  SET_IRQS: 8,
  REGION_READ: 9,
  REGION_WRITE: 10,
  DMA_READ: 11,
  DMA_WRITE: 12,
  RESET: 13,
  WRITE_MULTI: 15,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(COMMAND).map(([name, code]) => [code, name]));

/** 'DMA_MAP', or a number that no command has. */
export function commandName(command: number): string {
  return NAMES.get(command) ?? `command ${command}`;
}

/** The header's flags: what kind of message it is, and two bits. */
export const FLAG_TYPE = 0xf;
export const TYPE_REQUEST = 0;
export const TYPE_REPLY = 1;
export const FLAG_NO_REPLY = 0x10;
export const FLAG_ERROR = 0x20;

/** `size` counts the header too; `error` is an errno, in replies with `FLAG_ERROR`. */
const header = new CStruct({ id: 'u16', command: 'u16', size: 'u32', flags: 'u32', error: 'u32' });
export const HEADER_BYTES = header.size;

/** Bytes that one message may move by default (capability max_data_xfer_size). */
export const MAXIMUM_TRANSFER = 1 << 20;
/** A message's largest payload here: that, behind the longest fixed part. */
const MAXIMUM_PAYLOAD = MAXIMUM_TRANSFER + 64;

export interface Header {
  readonly id: number;
  readonly command: number;
  /** Bytes behind the header. */
  readonly payloadBytes: number;
  readonly flags: number;
  readonly error: number;
}

/** What the other side sent breaks the protocol: nothing that it sends can be trusted any more. */
export function malformed(what: string): IxyError {
  return new IxyError('ERR_BAD_PACKET', what);
}

/** Throws `ERR_BAD_PACKET` for sizes and types that cannot be. */
export function decodeHeader(bytes: Uint8Array): Header {
  const { size, ...fields } = header.decode(bytes);
  const payloadBytes = size - HEADER_BYTES;
  const name = commandName(fields.command);
  if (payloadBytes < 0 || payloadBytes > MAXIMUM_PAYLOAD) {
    throw malformed(
      `${name}: a message has ${HEADER_BYTES} to ${HEADER_BYTES + MAXIMUM_PAYLOAD} bytes, found size ${size}`,
    );
  }
  const type = fields.flags & FLAG_TYPE;
  if (type !== TYPE_REQUEST && type !== TYPE_REPLY) throw malformed(`${name}: neither request nor reply: type ${type}`);
  return { ...fields, payloadBytes };
}

/** A whole message. */
export function encodeMessage(fields: Omit<Header, 'payloadBytes'>, payload: Uint8Array): Uint8Array {
  const size = HEADER_BYTES + payload.length;
  const bytes = header.encode({ ...fields, size }, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}
