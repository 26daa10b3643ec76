/**
 * Where a live capture goes: a file, or a pipe whose reader may be slow. Packets keep coming while a reader sleeps, so a
 * pipe is never waited for: what it does not take at once is kept, and sent before anything else.
 */
import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import { nap } from '../nap.ts';

const STANDARD_OUTPUT = 1;
/** Milliseconds. */
const LONGEST_WAIT = 500;

export class CaptureOutput {
  /** For messages: the path, or 'standard output'. */
  readonly name: string;
  /** The reader of the pipe has gone; what is written goes nowhere. */
  ended = false;
  readonly #descriptor: number;
  /** Bytes that the pipe has not taken yet. */
  #waiting: Uint8Array = new Uint8Array(0);

  /** Creates or empties the file; '-' is standard output. Throws `ERR_SYSTEM`. */
  constructor(path: string) {
    this.name = path === '-' ? 'standard output' : path;
    this.#descriptor = this.#attempt('open', () => openOutput(path));
  }

  /** Sends what still waits; whether there is room for more. Throws `ERR_SYSTEM`. */
  ready(): boolean {
    if (this.#waiting.length === 0) return true;
    this.#waiting = this.#waiting.subarray(this.#writeSome(this.#waiting, 0, this.#waiting.length));
    return this.#waiting.length === 0;
  }

  /** Writes `bytes[0 … length-1]`, or keeps a copy of what cannot be written yet. Throws `ERR_SYSTEM`. */
  write(bytes: Uint8Array, length: number): void {
    const written = this.ready() ? this.#writeSome(bytes, 0, length) : 0;
    if (written < length) this.#waiting = Buffer.concat([this.#waiting, bytes.subarray(written, length)]);
  }

  /** Gives the reader of a pipe 500 ms for what still waits, and closes; standard output stays open. */
  close(): void {
    try {
      const deadline = performance.now() + LONGEST_WAIT;
      while (!this.ready() && performance.now() < deadline) nap(1);
    } finally {
      if (this.#descriptor !== STANDARD_OUTPUT) closeSync(this.#descriptor);
    }
  }

  /** Bytes written before the pipe was full; all of them once its reader has gone. */
  #writeSome(bytes: Uint8Array, from: number, length: number): number {
    let written = from;
    while (written < length && !this.ended) {
      try {
        written += writeSync(this.#descriptor, bytes, written, length - written);
      } catch (error) {
        if (errorCode(error) === 'EAGAIN') return written;
        if (errorCode(error) !== 'EPIPE') throw this.#explain('write', error);
        this.ended = true;
      }
    }
    return length;
  }

  #attempt<Result>(action: string, call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      throw this.#explain(action, error);
    }
  }

  #explain(action: string, cause: unknown): IxyError {
    const found = cause instanceof Error ? cause.message : String(cause);
    const why = errorCode(cause) === 'ENXIO' ? 'nobody reads it; start its reader first' : found;
    return new IxyError('ERR_SYSTEM', `cannot ${action} ${this.name}: ${why}`, { cause });
  }
}

const UNBLOCKED = constants.O_WRONLY | constants.O_NONBLOCK;

/** A pipe is opened anew, without blocking: the flag belongs to the opening, and other holders of the pipe must not see it. */
function openOutput(path: string): number {
  if (path === '-') return fstatSync(STANDARD_OUTPUT).isFIFO() ? reopenStandardOutput() : STANDARD_OUTPUT;
  const isPipe = statSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false;
  return openSync(path, isPipe ? UNBLOCKED : 'w');
}

/** Another user's pipe (after su or setpriv) may be written to but not opened: it is written to as it is, and waited for. */
function reopenStandardOutput(): number {
  try {
    return openSync('/proc/self/fd/1', UNBLOCKED);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return STANDARD_OUTPUT;
    throw error;
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
