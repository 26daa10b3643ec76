/** The pcap format (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records. */
import type { ByteQueue } from './byte-queue.ts';
import { type CaptureDecoder, type CaptureEncoder, checkPacketLengths } from './capture-codec.ts';
import type { CaptureRecord } from './capture-record.ts';
import { checkLinkType, isRawIp, LINKTYPE_ETHERNET, prependEthernet } from './link-type.ts';

const FILE_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
/** "Modified" pcap, of a patched libpcap: interface, protocol and packet type follow in each record header. */
const MODIFIED_RECORD_HEADER_LENGTH = 24;

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const MAGIC_MODIFIED = 0xa1b2cd34;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;

/** In the link type's upper bits: each packet ends in a frame check sequence, of so many 16-bit words. */
const FCS_PRESENT = 0x0400_0000;
const FCS_LENGTH_SHIFT = 28;

/** Whether `magic`, the first 4 bytes read big-endian, is that of a pcap file of either byte order. */
export function isPcapMagic(magic: number): boolean {
  return isMagic(magic) || isMagic(swap32(magic));
}

export class PcapDecoder implements CaptureDecoder {
  readonly format = 'pcap';
  betweenRecords = false;
  #started = false;
  #little = false;
  #recordHeaderLength = RECORD_HEADER_LENGTH;
  #unitsPerSecond = 1_000_000;
  #nanosecondsPerUnit = 1000;
  #fcsLength = 0;
  #rawIp = false;

  next(queue: ByteQueue, record: CaptureRecord): boolean {
    if (!this.#started && !this.#readFileHeader(queue)) return false;
    const headerLength = this.#recordHeaderLength;
    if (queue.available < headerLength) return false;
    const { view, start } = queue;
    const captured = view.getUint32(start + 8, this.#little);
    const original = view.getUint32(start + 12, this.#little);
    checkPacketLengths(captured, original, queue);
    if (queue.available < headerLength + captured) return false;

    const units = view.getUint32(start + 4, this.#little);
    const carry = Math.floor(units / this.#unitsPerSecond); // a proper file has none
    record.seconds = view.getUint32(start, this.#little) + carry;
    record.nanoseconds = (units - carry * this.#unitsPerSecond) * this.#nanosecondsPerUnit;
    record.bytes = queue.bytes;
    record.offset = start + headerLength;
    record.originalLength = Math.max(original - this.#fcsLength, 0);
    record.length = Math.min(captured, record.originalLength);
    record.interfaceIndex = 0;
    if (this.#rawIp) prependEthernet(record, queue);
    queue.advance(headerLength + captured);
    return true;
  }

  #readFileHeader(queue: ByteQueue): boolean {
    if (queue.available < FILE_HEADER_LENGTH) return false;
    const { view, start } = queue;
    this.#little = !isMagic(view.getUint32(start, false));
    const magic = view.getUint32(start, this.#little);
    if (magic === MAGIC_NANOSECONDS) {
      this.#unitsPerSecond = 1_000_000_000;
      this.#nanosecondsPerUnit = 1;
    }
    if (magic === MAGIC_MODIFIED) this.#recordHeaderLength = MODIFIED_RECORD_HEADER_LENGTH;
    const major = view.getUint16(start + 4, this.#little);
    const minor = view.getUint16(start + 6, this.#little);
    if (major !== VERSION_MAJOR || minor !== VERSION_MINOR) {
      throw queue.fail(`pcap version ${major}.${minor} is not supported; expected ${VERSION_MAJOR}.${VERSION_MINOR}`);
    }
    const link = view.getUint32(start + 20, this.#little);
    checkLinkType(link & 0xffff, queue);
    this.#rawIp = isRawIp(link & 0xffff);
    if ((link & FCS_PRESENT) !== 0) this.#fcsLength = (link >>> FCS_LENGTH_SHIFT) * 2;
    queue.advance(FILE_HEADER_LENGTH);
    this.#started = true;
    this.betweenRecords = true;
    return true;
  }
}

export class PcapEncoder implements CaptureEncoder {
  readonly recordHeaderLength = RECORD_HEADER_LENGTH;
  readonly maximumTrailerLength = 0;
  readonly #nanosecondsPerUnit: number;
  readonly #magic: number;

  constructor(resolution: 'nanosecond' | 'microsecond') {
    this.#magic = resolution === 'nanosecond' ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS;
    this.#nanosecondsPerUnit = resolution === 'nanosecond' ? 1 : 1000;
  }

  writeFileHeader(view: DataView, snapLength: number): number {
    view.setUint32(0, this.#magic, true);
    view.setUint16(4, VERSION_MAJOR, true);
    view.setUint16(6, VERSION_MINOR, true);
    view.setUint32(8, 0, true);
    view.setUint32(12, 0, true);
    view.setUint32(16, snapLength, true);
    view.setUint32(20, LINKTYPE_ETHERNET, true);
    return FILE_HEADER_LENGTH;
  }

  writeRecordHeader(
    view: DataView,
    at: number,
    captured: number,
    original: number,
    seconds: number,
    nanoseconds: number,
  ): void {
    view.setUint32(at, seconds, true);
    view.setUint32(at + 4, nanoseconds / this.#nanosecondsPerUnit, true);
    view.setUint32(at + 8, captured, true);
    view.setUint32(at + 12, original, true);
  }

  writeRecordTrailer(): number {
    return 0;
  }
}

function isMagic(magic: number): boolean {
  return magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS || magic === MAGIC_MODIFIED;
}

function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
