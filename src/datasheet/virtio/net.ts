/** Network devices (virtio 1.2, section 5.1): configuration, the header in front of each packet, and the control queue. */

/** Byte offsets in the device's configuration (5.1.4); which fields exist depends on features. */
export const NET_CONFIG = {
  MAC: 0, // 6 bytes, with MAC
  STATUS: 6, // 16 bits, with STATUS
  MAX_QUEUE_PAIRS: 8, // 16, with MQ or RSS
  MTU: 10, // 16, with MTU
  SPEED: 12, // 32, Mbit/s, with SPEED_DUPLEX
  DUPLEX: 16, // 8, with SPEED_DUPLEX
  RSS_MAX_KEY_SIZE: 17, // 8, with RSS or HASH_REPORT
  RSS_MAX_TABLE_LENGTH: 18, // 16, with RSS
  SUPPORTED_HASH_TYPES: 20, // 32, with RSS or HASH_REPORT
} as const;
export const NET_CONFIG_BYTES = 24;
export const NET_STATUS_LINK_UP = 1;
export const NET_STATUS_ANNOUNCE = 2;
export const SPEED_UNKNOWN = 0xffff_ffff;
export const DUPLEX_FULL = 1;

/** Receive queue of pair `pair` (0 …); transmit queues lie between (5.1.2). The control queue follows the last pair. */
export function receiveQueueIndex(pair: number): number {
  return 2 * pair;
}
export function transmitQueueIndex(pair: number): number {
  return 2 * pair + 1;
}
/** With MQ or RSS negotiated `pairs` is what the device has; without, 1 (5.1.2). */
export function controlQueueIndex(pairs: number): number {
  return 2 * pairs;
}
/** Most pairs that MQ can name (5.1.6.5.5). */
export const MAXIMUM_QUEUE_PAIRS = 0x8000;

/** Byte offsets in the header in front of every packet (5.1.6). */
export const NET_HEADER = {
  FLAGS: 0, // 8 bits
  GSO_TYPE: 1, // 8
  HEADER_LENGTH: 2, // 16
  GSO_SIZE: 4, // 16
  CHECKSUM_START: 6, // 16, from the packet's begin
  CHECKSUM_OFFSET: 8, // 16, from CHECKSUM_START
  NUMBER_OF_BUFFERS: 10, // 16; absent in legacy devices without MRG_RXBUF
  HASH_VALUE: 12, // 32, with HASH_REPORT, as the two below
  HASH_REPORT: 16, // 16: what it is a hash of
  PADDING: 18, // 16
} as const;
export const NET_HEADER_BYTES = 12;
export const NET_HEADER_LEGACY_BYTES = 10;
/** With HASH_REPORT. */
export const NET_HEADER_HASH_BYTES = 20;
/** The checksum is that of the pseudo header only, and must be completed from CHECKSUM_START on. */
export const NET_HEADER_NEEDS_CHECKSUM = 1;
/** The device has checked the checksum. */
export const NET_HEADER_DATA_VALID = 2;
export const GSO_NONE = 0;

// What is hashed, and what a hash is of (5.1.6.4.3).
export const HASH_TYPE_IPV4 = 1 << 0;
export const HASH_TYPE_TCPV4 = 1 << 1;
export const HASH_TYPE_UDPV4 = 1 << 2;
export const HASH_TYPE_IPV6 = 1 << 3;
export const HASH_TYPE_TCPV6 = 1 << 4;
export const HASH_TYPE_UDPV6 = 1 << 5;
export const HASH_REPORT_NONE = 0;
export const HASH_REPORT_IPV4 = 1;
export const HASH_REPORT_TCPV4 = 2;
export const HASH_REPORT_UDPV4 = 3;
export const HASH_REPORT_IPV6 = 4;
export const HASH_REPORT_TCPV6 = 5;
export const HASH_REPORT_UDPV6 = 6;

// The control queue (5.1.6.5): class and command, data, and an acknowledgement that the device writes.
export const CONTROL_OK = 0;
export const CONTROL_ERROR = 1;
/** Commands as [class, command]. */
export const CONTROL = {
  /** On or off: 8 bits. With CTRL_RX. */
  PROMISCUOUS: [0, 0],
  ALL_MULTICAST: [0, 1],
  /** On or off: 8 bits. With CTRL_RX_EXTRA. */
  ALL_UNICAST: [0, 2],
  NO_MULTICAST: [0, 3],
  NO_UNICAST: [0, 4],
  NO_BROADCAST: [0, 5],
  /** Two tables, unicast and multicast: a 32-bit number of entries, and 6 bytes each. With CTRL_RX. */
  MAC_TABLE_SET: [1, 0],
  /** 6 bytes. With CTRL_MAC_ADDR. */
  MAC_ADDRESS_SET: [1, 1],
  /** A VLAN id: 16 bits. With CTRL_VLAN. */
  VLAN_ADD: [2, 0],
  VLAN_DELETE: [2, 1],
  /** Nothing. With GUEST_ANNOUNCE. */
  ANNOUNCE_ACKNOWLEDGE: [3, 0],
  /** Pairs in use: 16 bits. With MQ. */
  QUEUE_PAIRS_SET: [4, 0],
  /**
   * Hash types in 32 bits; in 16 bits each the table's mask, the queue of what has no hash, the table, and the transmit
   * queues in use; the key's length in 8 bits, and the key. With RSS, in place of the one above.
   */
  RSS_CONFIG: [4, 1],
  /** Hash types in 32 bits, 8 bytes of nothing, the key's length in 8 bits, and the key. With HASH_REPORT. */
  HASH_CONFIG: [4, 2],
} as const satisfies Record<string, readonly [number, number]>;
export type ControlName = keyof typeof CONTROL;
