/** Writes pcap and pcapng, with nanoseconds, through one buffer that is used over and over. */
import { checkInteger, IxyError } from '../errors.ts';
import type { CaptureEncoder } from './capture-codec.ts';
import { type CaptureFormat, MAXIMUM_CAPTURED_LENGTH } from './capture-record.ts';
import { PcapEncoder } from './pcap.ts';
import { PcapngEncoder } from './pcapng-encoder.ts';

/** Takes `bytes[0 … length-1]`; the bytes are the writer's and change after the call. */
export type CaptureSink = (bytes: Uint8Array, length: number) => void;

/** How a capture is written. */
export interface CaptureWriterOptions {
  /** Default 'pcap'. */
  readonly format?: CaptureFormat;
  /** Bytes kept of each packet, 1 … 262,144 (default). */
  readonly snapLength?: number;
  /** Of pcap's time stamps; default 'nanosecond'. pcapng has nanoseconds always. */
  readonly resolution?: 'nanosecond' | 'microsecond';
  /** Bytes gathered before they go to the sink by themselves; default 1 MiB, at least what one packet may take. */
  readonly bufferSize?: number;
}

/**
 * Nothing is allocated per packet. The file header is in the buffer from the start: `flush` at once if a reader waits for
 * it, and after each batch for readers that follow live.
 */
export class CaptureWriter {
  /** Packets written, and bytes handed to the sink. */
  packets = 0;
  bytesFlushed = 0;

  readonly #sink: CaptureSink;
  readonly #encoder: CaptureEncoder;
  readonly #snapLength: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** End of the whole records in the buffer. */
  #committed: number;
  /** Where the next byte of the packet begun goes, and where its last one ends. */
  #position = 0;
  #packetEnd = 0;
  #captured = 0;
  /** Over the array that packets came from last: one pool, as a rule. */
  #source: DataView = new DataView(new ArrayBuffer(0));
  #sourceBytes: Uint8Array | undefined;

  /** Throws `ERR_ARGUMENT`. */
  constructor(sink: CaptureSink, options: CaptureWriterOptions = {}) {
    const { format = 'pcap', snapLength = MAXIMUM_CAPTURED_LENGTH, bufferSize = 2 ** 20 } = options;
    checkInteger('snap length in bytes', snapLength, 1, MAXIMUM_CAPTURED_LENGTH);
    checkInteger('buffer size in bytes', bufferSize, 0, 2 ** 30);
    this.#sink = sink;
    this.#encoder = format === 'pcapng' ? new PcapngEncoder() : new PcapEncoder(options.resolution ?? 'nanosecond');
    this.#snapLength = snapLength;
    const { recordHeaderLength, maximumTrailerLength } = this.#encoder;
    this.#bytes = new Uint8Array(Math.max(bufferSize, recordHeaderLength + snapLength + maximumTrailerLength));
    this.#view = new DataView(this.#bytes.buffer);
    this.#committed = this.#encoder.writeFileHeader(this.#view, snapLength);
  }

  /**
   * Adds the packet `bytes[offset … offset+length-1]`, cut at the snap length. `seconds`: whole, since 1970-01-01 UTC,
   * below 2^32. `nanoseconds`: whole, 0 … 999,999,999. `originalLength`: bytes on the wire, if more than `length`.
   */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    seconds: number,
    nanoseconds: number,
    originalLength = length,
  ): void {
    this.begin(length, seconds, nanoseconds, originalLength);
    this.append(bytes, offset, length);
    this.end();
  }

  /** Begins a packet of `length` bytes that come in several pieces: `append` them all, then `end`. */
  begin(length: number, seconds: number, nanoseconds: number, originalLength = length): void {
    const { recordHeaderLength, maximumTrailerLength } = this.#encoder;
    const captured = Math.min(length, this.#snapLength);
    if (this.#committed + recordHeaderLength + captured + maximumTrailerLength > this.#bytes.length) this.flush();
    this.#encoder.writeRecordHeader(this.#view, this.#committed, captured, originalLength, seconds, nanoseconds);
    this.#captured = captured;
    this.#position = this.#committed + recordHeaderLength;
    this.#packetEnd = this.#position + captured;
  }

  /** Adds a piece of the packet begun; what is beyond the snap length is left out. */
  append(bytes: Uint8Array, offset: number, length: number): void {
    const kept = Math.min(length, this.#packetEnd - this.#position);
    this.#copy(bytes, offset, kept);
    this.#position += kept;
  }

  /** Ends the packet. Throws `ERR_ARGUMENT`, and forgets it, if its pieces were shorter than its length. */
  end(): void {
    if (this.#position !== this.#packetEnd) {
      const missing = this.#packetEnd - this.#position;
      throw new IxyError('ERR_ARGUMENT', `a packet of ${this.#captured} bytes ended ${missing} bytes too early`);
    }
    this.#committed = this.#packetEnd + this.#encoder.writeRecordTrailer(this.#view, this.#packetEnd, this.#captured);
    this.packets++;
  }

  /** Hands all whole records to the sink. */
  flush(): void {
    const length = this.#committed;
    if (length === 0) return;
    this.#committed = 0;
    this.bytesFlushed += length;
    this.#sink(this.#bytes, length);
  }

  /** By 4 bytes: `TypedArray.set` would need a `subarray`, an object per packet. */
  #copy(bytes: Uint8Array, offset: number, length: number): void {
    if (bytes !== this.#sourceBytes) {
      this.#source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#sourceBytes = bytes;
    }
    const source = this.#source;
    const target = this.#view;
    const position = this.#position;
    const words = length & ~3;
    let i = 0;
    for (; i < words; i += 4) target.setInt32(position + i, source.getInt32(offset + i, true), true);
    for (; i < length; i++) target.setUint8(position + i, source.getUint8(offset + i));
  }
}
