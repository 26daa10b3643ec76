/** Captures of every kind, written byte by byte as the formats say, apart from the code under test. */
import {
  CaptureFileReader,
  CaptureFileWriter,
  CaptureParser,
  type CaptureRecord,
  CaptureWriter,
  type CaptureWriterOptions,
} from '../../src/packets/index.ts';

/** A captured packet as a plain value. */
export interface Packet {
  readonly data: Uint8Array;
  readonly originalLength: number;
  readonly seconds: number;
  readonly nanoseconds: number;
}

export function packet(data: Uint8Array, seconds = 1_700_000_000, nanoseconds = 123_456_789): Packet {
  return { data, originalLength: data.length, seconds, nanoseconds };
}

export function copyOf(record: CaptureRecord): Packet {
  return {
    data: record.bytes.slice(record.offset, record.offset + record.length),
    originalLength: record.originalLength,
    seconds: record.seconds,
    nanoseconds: record.nanoseconds,
  };
}

/** Parses a whole capture, given in chunks of these sizes and a last one with the rest. */
export function parseCapture(file: Uint8Array, chunkSizes: readonly number[] = []): Packet[] {
  const parser = new CaptureParser('test');
  const packets: Packet[] = [];
  let position = 0;
  for (const size of [...chunkSizes, file.length]) {
    parser.push(file.subarray(position, position + size));
    position = Math.min(position + size, file.length);
    for (let record = parser.next(); record; record = parser.next()) packets.push(copyOf(record));
  }
  parser.end();
  return packets;
}

/** A whole capture as the writer under test writes it. */
export function writeCapture(packets: readonly Packet[], options: CaptureWriterOptions = {}): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new CaptureWriter((bytes, length) => pieces.push(bytes.slice(0, length)), options);
  for (const { data, seconds, nanoseconds, originalLength } of packets) {
    writer.write(data, 0, data.length, seconds, nanoseconds, originalLength);
  }
  writer.flush();
  return Uint8Array.from(Buffer.concat(pieces));
}

/** Writes a capture file, of the format that its name says; returns its path. */
export function writeFile(path: string, packets: readonly Packet[]): string {
  const writer = new CaptureFileWriter(path);
  for (const { data, seconds, nanoseconds, originalLength } of packets) {
    writer.write(data, 0, data.length, seconds, nanoseconds, originalLength);
  }
  writer.close();
  return path;
}

export function readFile(path: string): Packet[] {
  return Array.from(new CaptureFileReader(path), copyOf);
}

/** Builds files of either byte order. */
export class Builder {
  readonly #little: boolean;
  readonly #bytes: number[] = [];

  constructor(little: boolean) {
    this.#little = little;
  }

  u16(...values: number[]): this {
    for (const value of values) this.#push(value, 2);
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.#push(value, 4);
    return this;
  }

  data(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.#bytes.push(bytes[i]);
    return this;
  }

  /** A pcapng block around `body`, filled up to a multiple of 4 bytes. */
  block(type: number, body: Builder): this {
    const padding = (4 - (body.#bytes.length % 4)) % 4;
    const length = 12 + body.#bytes.length + padding;
    return this.u32(type, length).data(body.#bytes).data(Array(padding).fill(0)).u32(length);
  }

  build(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #push(value: number, size: number): void {
    const digits = Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);
    this.#bytes.push(...(this.#little ? digits : digits.reverse()));
  }
}

interface PcapOptions {
  readonly little?: boolean;
  readonly magic?: number;
  readonly minor?: number;
  readonly link?: number;
  /** Bytes in each record header behind the usual 16. */
  readonly extra?: number;
}

/** A pcap file; the fraction of each time is written in the units that `magic` says. */
export function pcapFile(packets: readonly Packet[], options: PcapOptions = {}): Uint8Array {
  const { little = true, magic = 0xa1b23c4d, minor = 4, link = 1, extra = 0 } = options;
  const file = new Builder(little).u32(magic).u16(2, minor).u32(0, 0, 65_535, link);
  const unit = magic === 0xa1b23c4d ? 1 : 1000;
  for (const { data, seconds, nanoseconds, originalLength } of packets) {
    file.u32(seconds, Math.floor(nanoseconds / unit), data.length, originalLength);
    file.data(Array(extra).fill(0xee)).data(data);
  }
  return file.build();
}

export const SECTION = 0x0a0d0d0a;

/** A file of one section: its header, then what `fill` adds. */
export function pcapngFile(little: boolean, fill: (file: Builder, body: () => Builder) => void): Uint8Array {
  const file = new Builder(little);
  const body = () => new Builder(little);
  file.block(SECTION, body().u32(0x1a2b3c4d).u16(1, 0).u32(0xffff_ffff, 0xffff_ffff));
  fill(file, body);
  return file.build();
}
