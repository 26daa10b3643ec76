/** Link types of capture files (the registry at tcpdump.org/linktypes.html), and turning their packets into frames. */
import type { ByteQueue } from './byte-queue.ts';
import { write16, write32 } from './bytes.ts';
import type { CaptureRecord } from './capture-record.ts';
import { ETHERNET_HEADER_LENGTH, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './ethernet.ts';

export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;

const LINUX_COOKED = [113, 276];

export function isRawIp(linkType: number): boolean {
  return linkType === LINKTYPE_RAW || linkType === LINKTYPE_IPV4 || linkType === LINKTYPE_IPV6;
}

/** Throws `ERR_BAD_FILE` unless packets of this type are Ethernet frames or can be made such. */
export function checkLinkType(linkType: number, queue: ByteQueue): void {
  if (linkType === LINKTYPE_ETHERNET || isRawIp(linkType)) return;
  throw queue.fail(
    LINUX_COOKED.includes(linkType)
      ? `link type ${linkType} is Linux cooked capture, which has lost the Ethernet header; capture on one interface instead of "any"`
      : `link type ${linkType} is not supported; expected Ethernet (1) or raw IP (101, 228, 229)`,
  );
}

/**
 * Puts an Ethernet header in front of a raw IP packet, from 02:00:00:00:00:01 to 02:00:00:00:00:02, over the 14 bytes
 * before it: its own record header, or the queue's headroom.
 */
export function prependEthernet(record: CaptureRecord, queue: ByteQueue): void {
  const version = record.length > 0 ? record.bytes[record.offset] >>> 4 : 0;
  if (version !== 4 && version !== 6) throw queue.fail('a raw IP packet is neither IPv4 nor IPv6');
  const { bytes } = record;
  record.offset -= ETHERNET_HEADER_LENGTH;
  record.length += ETHERNET_HEADER_LENGTH;
  record.originalLength += ETHERNET_HEADER_LENGTH;
  write16(bytes, record.offset, 0x0200);
  write32(bytes, record.offset + 2, 2);
  write16(bytes, record.offset + 6, 0x0200);
  write32(bytes, record.offset + 8, 1);
  write16(bytes, record.offset + 12, version === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
}
