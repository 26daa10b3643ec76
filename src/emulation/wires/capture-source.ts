/** Frames of a capture file, one after the other: straight from the file, or round and round from memory. */
import { CaptureFileReader, type CaptureRecord } from '../../packets/index.ts';
import { SHORTEST_FRAME } from './padding.ts';

/** The current frame is `bytes[offset … offset+length-1]`, at least 60 bytes, valid until `next` or `close`. */
export interface CaptureSource {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
  /** Nanoseconds from the file's first frame to this one; may go back, as files' times do. */
  readonly time: number;
  /** Moves to the next frame; false at the end. Throws `ERR_BAD_FILE` where the file is damaged. */
  next(): boolean;
  /** Goes back to before the first frame. */
  rewind(): void;
  close(): void;
}

/** Reads as it goes, so files of any size, and pipes; it cannot be rewound. */
export class FileSource implements CaptureSource {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;
  time = 0;
  readonly #reader: CaptureFileReader;
  readonly #padded = new Uint8Array(SHORTEST_FRAME);
  #firstSeconds = Number.NaN;
  #firstNanoseconds = 0;

  constructor(path: string) {
    this.#reader = new CaptureFileReader(path);
  }

  next(): boolean {
    const record = this.#reader.next();
    if (!record) return false;
    if (Number.isNaN(this.#firstSeconds)) {
      this.#firstSeconds = record.seconds;
      this.#firstNanoseconds = record.nanoseconds;
    }
    this.time = (record.seconds - this.#firstSeconds) * 1e9 + record.nanoseconds - this.#firstNanoseconds;
    this.#take(record);
    return true;
  }

  rewind(): void {
    throw new TypeError('a capture that is read as it goes cannot be rewound');
  }

  close(): void {
    this.#reader.close();
  }

  /** A frame captured on its sender may lack the padding that its NIC adds. */
  #take(record: CaptureRecord): void {
    this.bytes = record.bytes;
    this.offset = record.offset;
    this.length = record.length;
    if (record.length >= SHORTEST_FRAME) return;
    this.#padded.fill(0).set(record.bytes.subarray(record.offset, record.offset + record.length));
    this.bytes = this.#padded;
    this.offset = 0;
    this.length = SHORTEST_FRAME;
  }
}

/** Keeps the whole file in memory, so that rounds cost no reading. */
export class MemorySource implements CaptureSource {
  readonly bytes: Uint8Array;
  offset = 0;
  length = 0;
  time = 0;
  readonly #ends: number[] = [];
  readonly #times: number[] = [];
  #next = 0;

  constructor(path: string) {
    const file = new FileSource(path);
    const frames: Uint8Array[] = [];
    let end = 0;
    try {
      while (file.next()) {
        frames.push(file.bytes.slice(file.offset, file.offset + file.length));
        end += file.length;
        this.#ends.push(end);
        this.#times.push(file.time);
      }
    } finally {
      file.close();
    }
    this.bytes = Buffer.concat(frames);
  }

  next(): boolean {
    if (this.#next === this.#ends.length) return false;
    this.offset = this.#next === 0 ? 0 : this.#ends[this.#next - 1];
    this.length = this.#ends[this.#next] - this.offset;
    this.time = this.#times[this.#next];
    this.#next++;
    return true;
  }

  rewind(): void {
    this.#next = 0;
  }

  /** Nothing to do: the file was closed when it had been read. */
  close(): void {}
}
