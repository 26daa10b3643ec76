/** Reads pcap and pcapng from chunks of bytes, wherever they come from. */
import { hexadecimal } from '../hexadecimal.ts';
import { ByteQueue } from './byte-queue.ts';
import type { CaptureDecoder } from './capture-codec.ts';
import { type CaptureFormat, CaptureRecord } from './capture-record.ts';
import { isPcapMagic, PcapDecoder } from './pcap.ts';
import { PcapngDecoder, SECTION_HEADER } from './pcapng.ts';

/**
 * Push bytes in, take records out:
 *
 *     parser.push(chunk);
 *     for (let record = parser.next(); record; record = parser.next()) use(record);
 *     …
 *     parser.end();
 *
 * Its memory is bounded by the largest chunk and the largest block (512 KiB), whatever lengths the file claims, as long
 * as `next` is called until it returns undefined before more is pushed. After an error the parser is of no more use.
 */
export class CaptureParser {
  readonly #queue: ByteQueue;
  readonly #record = new CaptureRecord();
  #decoder: CaptureDecoder | undefined;

  /** `name` (a file's path, say) begins the messages of errors. */
  constructor(name = 'capture') {
    this.#queue = new ByteQueue(name);
  }

  /** Known once 4 bytes have come and `next` was called. */
  get format(): CaptureFormat | undefined {
    return this.#decoder?.format;
  }

  /** Adds a copy of the first `length` bytes of `chunk`. Records handed out before are void afterwards. */
  push(chunk: Uint8Array, length = chunk.length): void {
    this.#queue.push(chunk, length);
  }

  /**
   * The next packet, or undefined if that needs more bytes. The record is the parser's and valid until `next` or `push`
   * is called again. Throws `ERR_BAD_FILE`, with the byte position, for anything that is not a well-formed capture.
   */
  next(): CaptureRecord | undefined {
    this.#decoder ??= this.#recognize();
    return this.#decoder?.next(this.#queue, this.#record) ? this.#record : undefined;
  }

  /** To be called when all bytes have been pushed and all records taken. Throws `ERR_BAD_FILE` if a record is cut off. */
  end(): void {
    const { available } = this.#queue;
    if (!this.#decoder)
      throw this.#queue.fail(`the file ends after ${available} bytes; expected a pcap or pcapng header`);
    if (available > 0 || !this.#decoder.betweenRecords) {
      throw this.#queue.fail(
        `the file ends inside the record or block that begins here, after ${available} bytes of it`,
      );
    }
  }

  #recognize(): CaptureDecoder | undefined {
    if (this.#queue.available < 4) return undefined;
    const magic = this.#queue.view.getUint32(this.#queue.start, false);
    if (magic === SECTION_HEADER) return new PcapngDecoder();
    if (isPcapMagic(magic)) return new PcapDecoder();
    throw this.#queue.fail(`${hexadecimal(magic, 8)} begins neither a pcap nor a pcapng file`);
  }
}
