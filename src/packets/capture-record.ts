/** What readers of capture files hand out. */

/**
 * The largest packet that a capture may hold, in bytes: libpcap's own limit. A length beyond it is taken for damage, so
 * that no file can make its reader allocate at will.
 */
export const MAXIMUM_CAPTURED_LENGTH = 262_144;

const NOTHING = new Uint8Array(0);

/** One captured packet, as an Ethernet frame. Readers own one object and overwrite it, and the bytes, for the next. */
export class CaptureRecord {
  /** The packet is `bytes[offset … offset+length-1]`, without CRC. */
  bytes: Uint8Array = NOTHING;
  offset = 0;
  length = 0;
  /** Bytes it had on the wire; more than `length` where a snap length cut it. */
  originalLength = 0;
  /** Time since 1970-01-01 UTC: whole seconds, and nanoseconds 0 … 999,999,999. 0 where the file has no time. */
  seconds = 0;
  nanoseconds = 0;
  /** Number of the interface within its pcapng section, from 0; 0 in pcap. */
  interfaceIndex = 0;
}

/** The two formats that are read and written. */
export type CaptureFormat = 'pcap' | 'pcapng';
