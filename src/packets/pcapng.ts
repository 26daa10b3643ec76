/** Reading the pcapng format (draft-ietf-opsawg-pcapng): blocks, in sections that choose their own byte order. */
import { hexadecimal } from '../hexadecimal.ts';
import type { ByteQueue } from './byte-queue.ts';
import { type CaptureDecoder, checkPacketLengths } from './capture-codec.ts';
import { type CaptureRecord, MAXIMUM_CAPTURED_LENGTH } from './capture-record.ts';
import { checkLinkType, isRawIp, prependEthernet } from './link-type.ts';
import { type PcapngClock, pcapngClock } from './pcapng-time.ts';

export const SECTION_HEADER = 0x0a0d0d0a; // the same in either byte order
export const INTERFACE_DESCRIPTION = 1;
export const ENHANCED_PACKET = 6;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const VERSION_MAJOR = 1;

const OPTION_END = 0;
export const OPTION_IF_TSRESOL = 9;
const OPTION_IF_TSOFFSET = 14;
const MICROSECONDS = 6;

/** Type, length, and the length again at the end. */
const BLOCK_MINIMUM = 12;
/** Blocks that are read are not longer: the largest packet and generous options. */
const BLOCK_MAXIMUM = 2 * MAXIMUM_CAPTURED_LENGTH;
/** More would be an attack on the reader's memory. */
const INTERFACES_MAXIMUM = 65_536;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapLength: number;
  readonly clock: PcapngClock;
}

/** Smallest size of the blocks that are read; all others are passed over. */
const MINIMUM_LENGTHS = new Map([
  [SECTION_HEADER, 28],
  [INTERFACE_DESCRIPTION, 20],
  [OBSOLETE_PACKET, 32],
  [SIMPLE_PACKET, 16],
  [ENHANCED_PACKET, 32],
]);

export class PcapngDecoder implements CaptureDecoder {
  readonly format = 'pcapng';
  #little = false;
  #interfaces: Interface[] = [];
  /** Bytes to pass over before the closing length of an unread block, and that length; 0 between blocks. */
  #skipLeft = 0;
  #skippedLength = 0;
  #started = false;

  get betweenRecords(): boolean {
    return this.#started && this.#skippedLength === 0;
  }

  next(queue: ByteQueue, record: CaptureRecord): boolean {
    for (;;) {
      if (this.#skippedLength > 0 && !this.#skip(queue)) return false;
      if (queue.available < BLOCK_MINIMUM) return false;
      const { view, start } = queue;
      const type = view.getUint32(start, this.#little);
      if (type === SECTION_HEADER) this.#readByteOrder(queue);
      const length = view.getUint32(start + 4, this.#little);
      const minimum = MINIMUM_LENGTHS.get(type) ?? BLOCK_MINIMUM;
      if (length < minimum || length % 4 !== 0) {
        throw queue.fail(`a block of type ${type} has ${length} bytes; expected a multiple of 4 from ${minimum} on`);
      }
      if (!MINIMUM_LENGTHS.has(type)) {
        this.#skippedLength = length;
        this.#skipLeft = length - 4;
        continue;
      }
      if (length > BLOCK_MAXIMUM) {
        throw queue.fail(`a block of type ${type} has ${length} bytes, more than the limit of ${BLOCK_MAXIMUM}`);
      }
      if (queue.available < length) return false;
      this.#checkClosingLength(queue, start + length - 4, length);
      const isPacket = this.#readBlock(type, length, queue, record);
      queue.advance(length);
      if (isPacket) return true;
    }
  }

  /** Returns whether the block is a packet, which is then in `record`. */
  #readBlock(type: number, length: number, queue: ByteQueue, record: CaptureRecord): boolean {
    if (type === SECTION_HEADER) this.#readSection(queue);
    else if (type === INTERFACE_DESCRIPTION) this.#readInterface(queue, length);
    else if (type === SIMPLE_PACKET) this.#readSimplePacket(queue, length, record);
    else this.#readPacket(queue, length, type === ENHANCED_PACKET, record);
    return type !== SECTION_HEADER && type !== INTERFACE_DESCRIPTION;
  }

  /** Passes over an unread block as far as its bytes have come; true once it is done, closing length checked. */
  #skip(queue: ByteQueue): boolean {
    const count = Math.min(this.#skipLeft, queue.available);
    queue.advance(count);
    this.#skipLeft -= count;
    if (this.#skipLeft > 0 || queue.available < 4) return false;
    this.#checkClosingLength(queue, queue.start, this.#skippedLength);
    queue.advance(4);
    this.#skippedLength = 0;
    return true;
  }

  #checkClosingLength(queue: ByteQueue, at: number, length: number): void {
    const closing = queue.view.getUint32(at, this.#little);
    if (closing !== length) throw queue.fail(`a block begins with length ${length} and ends with length ${closing}`);
  }

  #readByteOrder(queue: ByteQueue): void {
    const magic = queue.view.getUint32(queue.start + 8, false);
    this.#little = magic !== BYTE_ORDER_MAGIC;
    if (this.#little && queue.view.getUint32(queue.start + 8, true) !== BYTE_ORDER_MAGIC) {
      throw queue.fail(`${hexadecimal(magic)} is not the byte-order magic of a section header`);
    }
  }

  #readSection(queue: ByteQueue): void {
    const major = queue.view.getUint16(queue.start + 12, this.#little);
    if (major !== VERSION_MAJOR)
      throw queue.fail(`pcapng version ${major} is not supported; expected ${VERSION_MAJOR}`);
    this.#interfaces = [];
    this.#started = true;
  }

  #readInterface(queue: ByteQueue, length: number): void {
    if (this.#interfaces.length === INTERFACES_MAXIMUM) {
      throw queue.fail(`a section has more than ${INTERFACES_MAXIMUM} interfaces`);
    }
    const { view, start } = queue;
    const little = this.#little;
    let resolution = MICROSECONDS;
    let offset = 0;
    const end = start + length - 4;
    for (let at = start + 16; at + 4 <= end; ) {
      const code = view.getUint16(at, little);
      const size = view.getUint16(at + 2, little);
      if (code === OPTION_END) break;
      if (at + 4 + size > end) throw queue.fail(`option ${code} of ${size} bytes exceeds its interface description`);
      if (code === OPTION_IF_TSRESOL && size === 1) resolution = view.getUint8(at + 4);
      if (code === OPTION_IF_TSOFFSET && size === 8) offset = Number(view.getBigInt64(at + 4, little));
      at += 4 + padded(size);
    }
    this.#interfaces.push({
      linkType: view.getUint16(start + 8, little),
      snapLength: view.getUint32(start + 12, little),
      clock: pcapngClock(resolution, offset),
    });
  }

  /** Enhanced packet blocks and obsolete ones differ in the interface field only. */
  #readPacket(queue: ByteQueue, length: number, isEnhanced: boolean, record: CaptureRecord): void {
    const { view, start } = queue;
    const little = this.#little;
    const index = isEnhanced ? view.getUint32(start + 8, little) : view.getUint16(start + 8, little);
    const source = this.#interface(index, queue);
    const captured = view.getUint32(start + 20, little);
    if (captured > length - 32) throw queue.fail(`a packet of ${captured} bytes exceeds its block of ${length}`);
    source.clock.setTime(record, view.getUint32(start + 12, little), view.getUint32(start + 16, little));
    this.#fill(record, queue, start + 28, captured, view.getUint32(start + 24, little), source.linkType);
    record.interfaceIndex = index;
  }

  #readSimplePacket(queue: ByteQueue, length: number, record: CaptureRecord): void {
    const { view, start } = queue;
    const source = this.#interface(0, queue);
    const original = view.getUint32(start + 8, this.#little);
    const captured = Math.min(original, source.snapLength === 0 ? original : source.snapLength);
    if (captured > length - 16) throw queue.fail(`a packet of ${captured} bytes exceeds its block of ${length}`);
    record.seconds = 0;
    record.nanoseconds = 0;
    this.#fill(record, queue, start + 12, captured, original, source.linkType);
    record.interfaceIndex = 0;
  }

  #fill(
    record: CaptureRecord,
    queue: ByteQueue,
    offset: number,
    captured: number,
    original: number,
    linkType: number,
  ): void {
    checkPacketLengths(captured, original, queue);
    checkLinkType(linkType, queue);
    record.bytes = queue.bytes;
    record.offset = offset;
    record.length = captured;
    record.originalLength = original;
    if (isRawIp(linkType)) prependEthernet(record, queue);
  }

  #interface(index: number, queue: ByteQueue): Interface {
    const found = this.#interfaces[index];
    if (!found) throw queue.fail(`a packet of interface ${index}, of which there are ${this.#interfaces.length}`);
    return found;
  }
}

/** Options and packets are filled up to a multiple of 4 bytes. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
