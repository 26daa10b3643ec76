/** Writing the pcapng format: one section with one Ethernet interface, whose times are in nanoseconds. */
import type { CaptureEncoder } from './capture-codec.ts';
import { LINKTYPE_ETHERNET } from './link-type.ts';
import {
  BYTE_ORDER_MAGIC,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  OPTION_IF_TSRESOL,
  padded,
  SECTION_HEADER,
  VERSION_MAJOR,
} from './pcapng.ts';
import { writeNanosecondTime } from './pcapng-time.ts';

const SECTION_LENGTH = 28;
/** With if_tsresol and the end of options. */
const INTERFACE_LENGTH = 32;
const RECORD_HEADER_LENGTH = 28;
const NANOSECONDS = 9;

export class PcapngEncoder implements CaptureEncoder {
  readonly recordHeaderLength = RECORD_HEADER_LENGTH;
  readonly maximumTrailerLength = 3 + 4;

  writeFileHeader(view: DataView, snapLength: number): number {
    view.setUint32(0, SECTION_HEADER, true);
    view.setUint32(4, SECTION_LENGTH, true);
    view.setUint32(8, BYTE_ORDER_MAGIC, true);
    view.setUint16(12, VERSION_MAJOR, true);
    view.setUint16(14, 0, true);
    view.setInt32(16, -1, true); // length of the section: not known
    view.setInt32(20, -1, true);
    view.setUint32(24, SECTION_LENGTH, true);

    const at = SECTION_LENGTH;
    view.setUint32(at, INTERFACE_DESCRIPTION, true);
    view.setUint32(at + 4, INTERFACE_LENGTH, true);
    view.setUint16(at + 8, LINKTYPE_ETHERNET, true);
    view.setUint16(at + 10, 0, true);
    view.setUint32(at + 12, snapLength, true);
    view.setUint16(at + 16, OPTION_IF_TSRESOL, true);
    view.setUint16(at + 18, 1, true);
    view.setUint32(at + 20, NANOSECONDS, true); // one byte of value, three of padding
    view.setUint32(at + 24, 0, true); // end of options
    view.setUint32(at + 28, INTERFACE_LENGTH, true);
    return SECTION_LENGTH + INTERFACE_LENGTH;
  }

  writeRecordHeader(
    view: DataView,
    at: number,
    captured: number,
    original: number,
    seconds: number,
    nanoseconds: number,
  ): void {
    view.setUint32(at, ENHANCED_PACKET, true);
    view.setUint32(at + 4, blockLength(captured), true);
    view.setUint32(at + 8, 0, true); // interface
    view.setUint32(at + 20, captured, true);
    view.setUint32(at + 24, original, true);
    writeNanosecondTime(view, at + 12, seconds, nanoseconds);
  }

  writeRecordTrailer(view: DataView, at: number, captured: number): number {
    const padding = padded(captured) - captured;
    for (let i = 0; i < padding; i++) view.setUint8(at + i, 0);
    view.setUint32(at + padding, blockLength(captured), true);
    return padding + 4;
  }
}

function blockLength(captured: number): number {
  return RECORD_HEADER_LENGTH + padded(captured) + 4;
}
