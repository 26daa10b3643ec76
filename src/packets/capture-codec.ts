/** What the pcap and pcapng codecs have in common: the side towards the reader and the side towards the writer. */
import type { ByteQueue } from './byte-queue.ts';
import { type CaptureFormat, type CaptureRecord, MAXIMUM_CAPTURED_LENGTH } from './capture-record.ts';

/** Turns the bytes of one format into records. */
export interface CaptureDecoder {
  readonly format: CaptureFormat;
  /** Whether the file may end where the queue begins. */
  readonly betweenRecords: boolean;
  /** Fills `record` from the queue's front and takes its bytes off; false if that needs more bytes than there are. */
  next(queue: ByteQueue, record: CaptureRecord): boolean;
}

/** Writes one format into a buffer; all integers little-endian. */
export interface CaptureEncoder {
  readonly recordHeaderLength: number;
  /** Most bytes that `writeRecordTrailer` writes. */
  readonly maximumTrailerLength: number;
  /** Writes what a file begins with at index 0; returns its length. */
  writeFileHeader(view: DataView, snapLength: number): number;
  writeRecordHeader(
    view: DataView,
    at: number,
    captured: number,
    original: number,
    seconds: number,
    nanoseconds: number,
  ): void;
  /** Writes what follows the packet's bytes; returns its length. */
  writeRecordTrailer(view: DataView, at: number, captured: number): number;
}

/** Throws `ERR_BAD_FILE` for lengths that cannot be those of a packet. */
export function checkPacketLengths(captured: number, original: number, queue: ByteQueue): void {
  if (captured > MAXIMUM_CAPTURED_LENGTH) {
    throw queue.fail(`a packet of ${captured} bytes is longer than the limit of ${MAXIMUM_CAPTURED_LENGTH}`);
  }
  if (captured > original) throw queue.fail(`${captured} bytes were captured of a packet that has only ${original}`);
}
