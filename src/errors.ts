/**
 * The one error class of the project. Every failure a caller can act on carries a stable `code`; the message says what
 * was expected, what was found, and what to do next.
 */

/** Stable identifiers of failures; programs compare these, people read the message. */
export type IxyErrorCode =
  | 'ERR_ARGUMENT' // an argument is out of its documented range
  | 'ERR_BAD_FILE' // a capture or EEPROM file is malformed or truncated
  | 'ERR_BAD_PACKET' // bytes that do not parse as the protocol asked for
  | 'ERR_CLOSED' // used after close()
  | 'ERR_DEVICE_BUSY' // a kernel driver, or another process, has the device
  | 'ERR_DEVICE_FAILED' // a device broke its own rules, or asks to be reset: close it, and open it again
  | 'ERR_DEVICE_GONE' // registers read as all ones: the device was removed
  | 'ERR_DEVICE_NOT_FOUND' // no such PCI address or interface
  | 'ERR_DEVICE_UNSUPPORTED' // a device that no driver here knows
  | 'ERR_DMA_UNMAPPED' // memory that the device cannot reach
  | 'ERR_NO_ADDON' // the native addon is missing or does not fit this Node
  | 'ERR_NO_HUGE_PAGES' // not enough free huge pages
  | 'ERR_OUT_OF_MEMORY' // a DMA region has no room left
  | 'ERR_PACKET_OWNERSHIP' // checked mode: double free, leak, or use after send
  | 'ERR_PERMISSION' // the operating system said no
  | 'ERR_POOL_IN_USE' // a pool is closed while rings still hold its packets
  | 'ERR_PORT_URI' // a port URI that does not parse, or an unknown scheme
  | 'ERR_SYSTEM' // any other failed system call
  | 'ERR_TIMEOUT'; // a bounded wait ran out

/** Compare `code`, show `message`. What caused it, if anything, is the `cause`. */
export class IxyError extends Error {
  readonly code: IxyErrorCode;

  constructor(code: IxyErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'IxyError';
    this.code = code;
  }
}

/** Name of the error of a failed system call ('EBUSY'), the addon's or Node's own; undefined for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What an error says, whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Throws `ERR_ARGUMENT` unless `value` is an integer in `minimum … maximum`; `what` begins the message. */
export function checkInteger(what: string, value: number, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new IxyError('ERR_ARGUMENT', `${what} must be an integer from ${minimum} to ${maximum}, found ${value}`);
  }
}
