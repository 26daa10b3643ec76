/** Captures in files, or on standard input and output ('-'), read and written synchronously. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import { nap } from '../nap.ts';
import { CaptureParser } from './capture-parser.ts';
import type { CaptureFormat, CaptureRecord } from './capture-record.ts';
import { CaptureWriter, type CaptureWriterOptions } from './capture-writer.ts';

const CHUNK_BYTES = 2 ** 18;
const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;

/** How long a pipe that is not ready is waited for, in all and between tries. */
const PIPE_TIMEOUT_MILLISECONDS = 10_000;
const PIPE_PAUSE_MILLISECONDS = 1;

/** Reads a capture of any size in chunks of 256 KiB. */
export class CaptureFileReader implements Iterable<CaptureRecord> {
  /** For messages: the path, or 'standard input'. */
  readonly path: string;
  readonly #parser: CaptureParser;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #descriptor: number;
  #ended = false;

  /** Throws `ERR_SYSTEM` if the file cannot be opened. */
  constructor(path: string) {
    this.path = path === '-' ? 'standard input' : path;
    this.#parser = new CaptureParser(this.path);
    this.#descriptor = path === '-' ? STANDARD_INPUT : attempt(`cannot open ${path}`, () => openSync(path, 'r'));
  }

  /** 'pcap' or 'pcapng', known after the first `next`. */
  get format(): CaptureFormat | undefined {
    return this.#parser.format;
  }

  /**
   * The next packet, valid until the next call; undefined at the end of the file. Throws `ERR_BAD_FILE` where the file is
   * damaged, `ERR_SYSTEM` where it cannot be read, `ERR_CLOSED` after `close`.
   */
  next(): CaptureRecord | undefined {
    if (this.#descriptor < 0) throw new IxyError('ERR_CLOSED', `${this.path}: the reader is closed`);
    for (;;) {
      const record = this.#parser.next();
      if (record || this.#ended) return record;
      const length = attempt(`cannot read ${this.path}`, () =>
        whenReady(() => readSync(this.#descriptor, this.#chunk, 0, CHUNK_BYTES, null)),
      );
      if (length === 0) {
        this.#ended = true;
        this.#parser.end();
      } else {
        this.#parser.push(this.#chunk, length);
      }
    }
  }

  /** All packets that are left, each in the same object; closes the reader behind the last. */
  *[Symbol.iterator](): Generator<CaptureRecord> {
    try {
      for (let record = this.next(); record; record = this.next()) yield record;
    } finally {
      this.close();
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#descriptor > STANDARD_INPUT) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** Writes a capture to a file; its format is that of the name (pcapng for '.pcapng', else pcap) unless options say it. */
export class CaptureFileWriter extends CaptureWriter {
  /** For messages: the path, or 'standard output'. */
  readonly path: string;
  #descriptor: number;

  /**
   * Creates or empties the file. Throws `ERR_SYSTEM`, also later where writing fails; a `cause` with code 'EPIPE' means
   * that the reader of a pipe has gone.
   */
  constructor(path: string, options: CaptureWriterOptions = {}) {
    const name = path === '-' ? 'standard output' : path;
    let descriptor = -1; // opened once the options have passed
    super((bytes, length) => attempt(`cannot write ${name}`, () => writeAll(descriptor, bytes, length)), {
      format: path.endsWith('.pcapng') ? 'pcapng' : 'pcap',
      ...options,
    });
    descriptor = path === '-' ? STANDARD_OUTPUT : attempt(`cannot create ${path}`, () => openSync(path, 'w'));
    this.path = name;
    this.#descriptor = descriptor;
  }

  /** Flushes and closes; standard output stays open. Idempotent. */
  close(): void {
    if (this.#descriptor < 0) return;
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    try {
      this.flush();
    } finally {
      if (descriptor !== STANDARD_OUTPUT) closeSync(descriptor);
    }
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, length: number): void {
  for (let written = 0; written < length; ) {
    written += whenReady(() => writeSync(descriptor, bytes, written, length - written));
  }
}

/** Repeats a call while a non-blocking pipe says EAGAIN, with pauses, for a bounded time. */
function whenReady(call: () => number): number {
  const deadline = Date.now() + PIPE_TIMEOUT_MILLISECONDS;
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EAGAIN') throw error;
      if (Date.now() > deadline) {
        throw new IxyError(
          'ERR_TIMEOUT',
          `the other end of the pipe was not ready for ${PIPE_TIMEOUT_MILLISECONDS} ms`,
        );
      }
      nap(PIPE_PAUSE_MILLISECONDS);
    }
  }
}

/** Runs a system call; its failure becomes an `ERR_SYSTEM` that says what was tried. */
function attempt<Result>(what: string, call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new IxyError('ERR_SYSTEM', `${what}: ${cause.message}`, { cause });
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
