/** One thread's end of a mailbox: register accesses to devices on the device thread, each of which waits for its answer. */
import { IxyError, type IxyErrorCode } from '../../errors.ts';
import type { AccessBytes } from '../device-model.ts';
import * as protocol from './protocol.ts';

/** Longer than a device thread is ever away: it may have to start, or to open a file. */
const TIMEOUT_MILLISECONDS = 10_000;
/** Looks at the mailbox before the caller goes to sleep: an answer mostly comes within microseconds. */
const SPINS = 5_000;
/** How often a caller that sleeps looks whether the device thread has ended. */
const LOOK_MILLISECONDS = 100;

export class Mailbox {
  /** For the device thread, and to be sent to the thread that shall use it. */
  readonly share: protocol.MailboxShare;
  readonly #words: Int32Array;
  readonly #bell: Int32Array;
  /** A request has timed out. Its answer may come yet, and could not be told from that to another one. */
  #unanswered = false;

  constructor(share: protocol.MailboxShare) {
    this.share = share;
    this.#words = new Int32Array(share.letters);
    this.#bell = new Int32Array(share.bell);
  }

  /**
   * Reads from a BAR, or from `CONFIG_SPACE`; unsigned. Throws what the device refuses it with, `ERR_DEVICE_GONE` if
   * its thread has ended or does not answer, now or to an earlier request, and `ERR_CLOSED` if the mailbox was removed.
   */
  read(device: number, space: number, offset: number, bytes: AccessBytes): number {
    this.#access(protocol.READ, device, space, offset, bytes);
    return this.#words[protocol.VALUE] >>> 0;
  }

  /** Writes likewise, and waits until it is done. */
  write(device: number, space: number, offset: number, bytes: AccessBytes, value: number): void {
    this.#words[protocol.VALUE] = value;
    this.#access(protocol.WRITE, device, space, offset, bytes);
  }

  /** Has `operation` carried out. Throws likewise. */
  request(operation: number): void {
    const words = this.#words;
    words[protocol.OPERATION] = operation;
    if (this.#ended || this.#removed || this.#unanswered) throw this.#gone();
    Atomics.store(words, protocol.STATE, protocol.REQUESTED);
    Atomics.add(this.#bell, protocol.WAKE, 1);
    Atomics.notify(this.#bell, protocol.WAKE);
    const state = this.#answer();
    Atomics.store(words, protocol.STATE, protocol.IDLE);
    if (state === protocol.ANSWERED) return;
    if (state !== protocol.REFUSED) {
      this.#unanswered = true;
      throw this.#gone();
    }
    const { code, message } = protocol.readRefusal(this.share.letters);
    throw new IxyError(code as IxyErrorCode, message);
  }

  /** Has all mailboxes of the device thread say from now on that it has ended, and why, unless it has said so itself. */
  end(reason: string): void {
    if (this.#ended) return;
    protocol.writeRefusal(this.share.bell, { code: 'ERR_DEVICE_GONE', message: reason });
    Atomics.store(this.#bell, protocol.ENDED, 1);
  }

  get #ended(): boolean {
    return Atomics.load(this.#bell, protocol.ENDED) !== 0;
  }

  get #removed(): boolean {
    return Atomics.load(this.#words, protocol.REMOVED) !== 0;
  }

  #access(operation: number, device: number, space: number, offset: number, bytes: AccessBytes): void {
    const words = this.#words;
    words[protocol.DEVICE] = device;
    words[protocol.SPACE] = space;
    words[protocol.OFFSET] = offset;
    words[protocol.BYTES] = bytes;
    this.request(operation);
  }

  /** Waits for the answer; the state then. */
  #answer(): number {
    const words = this.#words;
    for (let spin = 0; spin < SPINS; spin++) {
      const state = Atomics.load(words, protocol.STATE);
      if (state !== protocol.REQUESTED) return state;
    }
    const deadline = performance.now() + TIMEOUT_MILLISECONDS;
    for (;;) {
      const ended = this.#ended || this.#removed; // before the state: it may have answered last
      const state = Atomics.load(words, protocol.STATE);
      const left = deadline - performance.now();
      if (state !== protocol.REQUESTED || left <= 0 || ended) return state;
      Atomics.wait(words, protocol.STATE, protocol.REQUESTED, Math.min(left, LOOK_MILLISECONDS));
    }
  }

  #gone(): IxyError {
    const { bell, thread } = this.share;
    if (this.#removed)
      return new IxyError('ERR_CLOSED', `what was lent by the thread '${thread}' of emulated devices was taken back`);
    const reason = this.#ended
      ? `has ended: ${protocol.readRefusal(bell).message}`
      : `did not answer for ${TIMEOUT_MILLISECONDS} ms`;
    return new IxyError('ERR_DEVICE_GONE', `the thread '${thread}' of emulated devices ${reason}`);
  }
}
