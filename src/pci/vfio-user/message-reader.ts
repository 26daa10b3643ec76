/**
 * Cuts a stream of bytes and descriptors into messages. Descriptors come with a message's first byte, and several messages
 * may be on their way: so the header is fetched by itself, with its descriptors, and then the rest, which has none.
 */
import { addon, type ReceivedMessage } from '../../native/addon.ts';
import { closeDescriptors } from './descriptors.ts';
import { NOTHING } from './payloads.ts';
import { decodeHeader, HEADER_BYTES, type Header, malformed } from './protocol.ts';

export interface Message extends Header {
  /** Valid until the next message is read. */
  readonly payload: Uint8Array;
  /** The receiver's to close. */
  readonly descriptors: number[];
}

/** What `read` returns when there is nothing more to come. */
export const END = Symbol('end of messages');
const SMALLEST_BUFFER = 4096;

export class MessageReader {
  readonly #socket: number;
  readonly #maximumDescriptors: number;
  readonly #head = new Uint8Array(HEADER_BYTES);
  #body = new Uint8Array(SMALLEST_BUFFER);
  #header: Header | undefined;
  #descriptors: number[] = [];
  /** Bytes there of the header, or of the payload once the header is whole. */
  #filled = 0;
  #ended = false;

  /** `socket` stays its owner's. No message may come with more than `maximumDescriptors`. */
  constructor(socket: number, maximumDescriptors: number) {
    this.#socket = socket;
    this.#maximumDescriptors = maximumDescriptors;
  }

  /**
   * The next message; undefined if it is not all there yet; `END` if the other side has closed. Throws `ERR_BAD_PACKET` for
   * what cannot be a message, and a system error if the connection was lost.
   */
  read(): Message | undefined | typeof END {
    this.#header ??= this.#readHeader();
    const header = this.#header;
    if (header === undefined) return this.#ended ? END : undefined;
    while (this.#filled < header.payloadBytes) {
      const length = addon().read(this.#socket, this.#body, this.#filled, header.payloadBytes - this.#filled);
      if (length < 0) return undefined;
      if (length === 0) return this.#endInside();
      this.#filled += length;
    }
    const message = { ...header, payload: this.#body.subarray(0, header.payloadBytes), descriptors: this.#descriptors };
    this.#header = undefined;
    this.#descriptors = [];
    this.#filled = 0;
    return message;
  }

  /** Closes descriptors of a message that never became whole; no other is read. Idempotent. */
  close(): void {
    this.#body = NOTHING;
    closeDescriptors(this.#descriptors.splice(0));
  }

  #readHeader(): Header | undefined {
    while (this.#filled < HEADER_BYTES) {
      const received = addon().recvmsg(this.#socket, this.#head.subarray(this.#filled), this.#maximumDescriptors);
      this.#descriptors.push(...received.descriptors);
      if (received.length < 0) return undefined;
      if (received.length === 0) {
        if (this.#filled > 0) return this.#endInside();
        this.#ended = true;
        return undefined;
      }
      this.#checkDescriptors(received);
      this.#filled += received.length;
    }
    const header = decodeHeader(this.#head);
    this.#filled = 0;
    this.#makeRoom(header.payloadBytes);
    return header;
  }

  #checkDescriptors({ truncated }: ReceivedMessage): void {
    const maximum = this.#maximumDescriptors;
    if (!truncated && this.#descriptors.length <= maximum) return;
    throw malformed(`a message may come with ${maximum} descriptors, found more`);
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#body.length) this.#body = new Uint8Array(Math.max(bytes, 2 * this.#body.length));
    else if (bytes <= SMALLEST_BUFFER && this.#body.length > SMALLEST_BUFFER)
      this.#body = new Uint8Array(SMALLEST_BUFFER);
  }

  #endInside(): never {
    throw malformed('the other side closed in the middle of a message');
  }
}
