/** One end of a vfio-user connection: messages in, messages out, none of it blocking. */
import { addon } from '../../native/addon.ts';
import { type END, type Message, MessageReader } from './message-reader.ts';
import { encodeMessage, FLAG_ERROR, type Header, TYPE_REPLY, TYPE_REQUEST } from './protocol.ts';

const IDS = 0x1_0000;

interface Outgoing {
  readonly bytes: Uint8Array;
  readonly descriptors: readonly number[];
}

export class MessageSocket {
  readonly descriptor: number;
  readonly #reader: MessageReader;
  /** What the socket had no room for yet. */
  readonly #waiting: Outgoing[] = [];
  #nextId = 0;
  #closed = false;

  /** `descriptor`: a non-blocking stream socket, which is closed with this. */
  constructor(descriptor: number, maximumDescriptors: number) {
    this.descriptor = descriptor;
    this.#reader = new MessageReader(descriptor, maximumDescriptors);
  }

  /** Messages wait for the other side to read: who sends more meanwhile has them kept in memory. */
  get congested(): boolean {
    return this.#waiting.length > 0;
  }

  /** As `MessageReader.read`. */
  receive(): Message | undefined | typeof END {
    return this.#reader.read();
  }

  /** Returns the message's number. `descriptors` may be closed once `congested` is false. Throws a system error. */
  request(command: number, payload: Uint8Array, descriptors: readonly number[] = []): number {
    const id = this.#nextId;
    this.#nextId = (id + 1) % IDS;
    this.#send({ id, command, flags: TYPE_REQUEST, error: 0 }, payload, descriptors);
    return id;
  }

  /** `descriptors` as for `request`. Throws a system error. */
  reply({ id, command }: Header, payload: Uint8Array, descriptors: readonly number[] = []): void {
    this.#send({ id, command, flags: TYPE_REPLY, error: 0 }, payload, descriptors);
  }

  /** Says that a request failed; `error` is an errno. Throws a system error. */
  refuse({ id, command }: Header, error: number): void {
    this.#send({ id, command, flags: TYPE_REPLY | FLAG_ERROR, error }, new Uint8Array(0), []);
  }

  /** Sends what waits, as far as there is room. Throws a system error. */
  flush(): void {
    const waiting = this.#waiting;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const sent = addon().sendmsg(this.descriptor, next.bytes, next.descriptors);
      if (sent === next.bytes.length) continue;
      // Descriptors go with the first byte.
      waiting.unshift(sent > 0 ? { bytes: next.bytes.subarray(sent), descriptors: [] } : next);
      if (sent < 0) return;
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.close();
    addon().close(this.descriptor);
  }

  #send(fields: Omit<Header, 'payloadBytes'>, payload: Uint8Array, descriptors: readonly number[]): void {
    this.#waiting.push({ bytes: encodeMessage(fields, payload), descriptors });
    this.flush();
  }
}
