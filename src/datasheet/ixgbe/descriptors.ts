/**
 * Descriptor layouts of the 82599 (datasheet rev 3.4, sections 7.1.5, 7.1.6 and 7.2.3.2): word indices within a descriptor
 * of four 32-bit words, and bits in place as int32, for typed-array code.
 */

/** Bytes in every descriptor. */
export const DESCRIPTOR_BYTES = 16;
/** Words in every descriptor. */
export const DESCRIPTOR_WORDS = 4;
/** Alignment of ring addresses and granularity of ring lengths, in bytes (7.1.9, 7.2.3.3). */
export const RING_ALIGNMENT = 128;
/** Most descriptors in a ring (8.2.3.8.3, 8.2.3.9.7). */
export const RING_MAXIMUM = 8192;

// SRRCTL.DESCTYPE (8.2.3.8.7): how the device reads and writes a receive ring.
export const RX_DESCTYPE_LEGACY = 0;
export const RX_DESCTYPE_ADVANCED_ONE_BUFFER = 1;
export const RX_DESCTYPE_ADVANCED_HEADER_SPLIT = 2;
export const RX_DESCTYPE_ADVANCED_ALWAYS_HEADER = 5;

// Advanced receive descriptor as software writes it (7.1.6.1). Bit 0 of the header address is where DD appears, so that
// software must write it 0; bit 0 of the packet address asks for no snoop.
export const RX_READ_ADDRESS_LOW = 0;
export const RX_READ_ADDRESS_HIGH = 1;
export const RX_READ_HEADER_LOW = 2;
export const RX_READ_HEADER_HIGH = 3;

// Advanced receive descriptor as the device writes it back (7.1.6.2).
export const RX_WB_TYPE_HEADER = 0;
export const RX_WB_RSS_HASH = 1;
export const RX_WB_STATUS_ERROR = 2;
export const RX_WB_LENGTH_VLAN = 3;

// Word RX_WB_TYPE_HEADER.
export const RX_RSS_TYPE_MASK = 0xf;
export const RX_RSS_NONE = 0;
export const RX_RSS_TCP_IPV4 = 1;
export const RX_RSS_IPV4 = 2;
export const RX_RSS_TCP_IPV6 = 3;
export const RX_RSS_IPV6 = 5;
export const RX_RSS_UDP_IPV4 = 7;
export const RX_RSS_UDP_IPV6 = 8;
/** The word beside it is no hash, but what Flow Director found. */
export const RX_RSS_FLOW_DIRECTOR = 15;
export const RX_PACKET_TYPE_SHIFT = 4;
export const RX_PACKET_TYPE_MASK = 0x1fff << RX_PACKET_TYPE_SHIFT;
export const RX_TYPE_IPV4 = 1 << 4;
export const RX_TYPE_IPV4_OPTIONS = 1 << 5;
export const RX_TYPE_IPV6 = 1 << 6;
export const RX_TYPE_IPV6_EXTENSIONS = 1 << 7;
export const RX_TYPE_TCP = 1 << 8;
export const RX_TYPE_UDP = 1 << 9;
export const RX_TYPE_SCTP = 1 << 10;
export const RX_TYPE_NFS = 1 << 11;
export const RX_TYPE_ETYPE_FILTER = 1 << 15;
export const RX_RSC_COUNT_SHIFT = 17;
export const RX_RSC_COUNT_MASK = 0xf << RX_RSC_COUNT_SHIFT;
export const RX_HEADER_LENGTH_SHIFT = 21;
export const RX_HEADER_LENGTH_MASK = 0x3ff << RX_HEADER_LENGTH_SHIFT;
export const RX_SPLIT_HEADER = 1 << 31;

// Word RX_WB_STATUS_ERROR: status in bits 0 … 19, errors in bits 20 … 31. The error bits are valid with EOP only.
export const RX_STATUS_DD = 1 << 0;
export const RX_STATUS_EOP = 1 << 1;
export const RX_STATUS_FLOW_DIRECTOR = 1 << 2;
export const RX_STATUS_VLAN = 1 << 3;
export const RX_STATUS_UDP_CHECKSUM = 1 << 4;
export const RX_STATUS_L4_CHECKSUM = 1 << 5;
export const RX_STATUS_IP_CHECKSUM = 1 << 6;
export const RX_STATUS_INEXACT = 1 << 7;
export const RX_STATUS_OUTER_VLAN = 1 << 9;
export const RX_STATUS_UDP_VALID = 1 << 10;
export const RX_STATUS_LOW_LATENCY = 1 << 11;
export const RX_STATUS_TIME_STAMP = 1 << 16;
export const RX_STATUS_SECURITY = 1 << 17;
export const RX_STATUS_LOOPBACK = 1 << 18;
/** With RSC and without EOP, bits 4 … 19 hold the index of the frame's next descriptor instead. */
export const RX_NEXT_DESCRIPTOR_SHIFT = 4;
export const RX_NEXT_DESCRIPTOR_MASK = 0xffff << RX_NEXT_DESCRIPTOR_SHIFT;
export const RX_ERROR_FLOW_DIRECTOR = 7 << 20;
export const RX_ERROR_HEADER_OVERFLOW = 1 << 23;
export const RX_ERROR_SECURITY = 3 << 27;
/** CRC, length, symbol, over- and undersize errors; such frames arrive only with FCTRL.SBP. */
export const RX_ERROR_MAC = 1 << 29;
export const RX_ERROR_L4_CHECKSUM = 1 << 30;
export const RX_ERROR_IP_CHECKSUM = 1 << 31;
/** Errors that make a frame's bytes worthless; a wrong checksum is the application's to judge. */
export const RX_ERROR_MASK = RX_ERROR_MAC;

// Word RX_WB_LENGTH_VLAN.
export const RX_WB_LENGTH_MASK = 0xffff;
export const RX_WB_VLAN_SHIFT = 16;

// Legacy receive descriptor (7.1.5): words 0 and 1 are the address; word 2 length and checksum, word 3 the rest.
export const RX_LEGACY_LENGTH_CHECKSUM = 2;
export const RX_LEGACY_STATUS_VLAN = 3;
export const RX_LEGACY_DD = 1 << 0;
export const RX_LEGACY_EOP = 1 << 1;
export const RX_LEGACY_VLAN = 1 << 3;
export const RX_LEGACY_CHECKSUM_SHIFT = 16;
export const RX_LEGACY_ERRORS_SHIFT = 8;
export const RX_LEGACY_VLAN_SHIFT = 16;

// Advanced transmit data descriptor as software writes it (7.2.3.2.4).
export const TX_READ_ADDRESS_LOW = 0;
export const TX_READ_ADDRESS_HIGH = 1;
export const TX_READ_COMMAND = 2;
export const TX_READ_STATUS = 3;

// Word TX_READ_COMMAND: length of this buffer in bits 0 … 15, type in bits 20 … 23, commands in bits 24 … 31.
export const TX_LENGTH_MASK = 0xffff;
/**
 * Most bytes that one descriptor may carry (7.2.3.2.4): 15.5 KiB, or what the length field holds in a packet that is cut
 * into segments (specification update, software clarification 1).
 */
export const TX_LENGTH_MAXIMUM = 15.5 * 1024;
export const TX_MAC_LINKSEC = 1 << 18;
export const TX_MAC_TIME_STAMP = 1 << 19;
export const TX_DTYP_MASK = 0xf << 20;
export const TX_DTYP_CONTEXT = 0x2 << 20;
export const TX_DTYP_DATA = 0x3 << 20;
export const TX_CMD_EOP = 1 << 24;
/** Insert the CRC; required in the first descriptor of a packet that is padded or has anything else inserted. */
export const TX_CMD_IFCS = 1 << 25;
export const TX_CMD_RS = 1 << 27;
/** Set in every advanced descriptor, clear in legacy ones. */
export const TX_CMD_DEXT = 1 << 29;
export const TX_CMD_VLE = 1 << 30;
export const TX_CMD_TSE = 1 << 31;
/** What every advanced data descriptor of a plain packet has: its type, and the CRC left to the device. */
export const TX_CMD_DATA = TX_DTYP_DATA | TX_CMD_DEXT | TX_CMD_IFCS;

// Word TX_READ_STATUS: bits as written; DD is where the device reports. PAYLEN: bytes of the whole packet, in its first
// descriptor (without the headers for a segmented one).
export const TX_STATUS_DD = 1 << 0;
export const TX_CONTEXT_INDEX_SHIFT = 4;
export const TX_CHECK_CONTEXT = 1 << 7;
export const TX_INSERT_IP_CHECKSUM = 1 << 8;
export const TX_INSERT_L4_CHECKSUM = 1 << 9;
export const TX_IPSEC = 1 << 10;
export const TX_PAYLEN_SHIFT = 14;
/** Most bytes that PAYLEN holds. */
export const TX_PAYLEN_MAXIMUM = 2 ** 18 - 1;

// Advanced transmit context descriptor (7.2.3.2.3): lengths of headers and the VLAN tag in word 0, type and kinds of headers
// in word 2, the rest in word 3.
export const TX_CONTEXT_LENGTHS_VLAN = 0;
export const TX_CONTEXT_TYPE = 2;
export const TX_CONTEXT_MSS = 3;
/** Contexts that a queue remembers. */
export const TX_CONTEXTS = 2;
export const TX_IP_LENGTH_MASK = 0x1ff;
export const TX_MAC_LENGTH_SHIFT = 9;
export const TX_MAC_LENGTH_MASK = 0x7f << TX_MAC_LENGTH_SHIFT;
export const TX_CONTEXT_VLAN_SHIFT = 16;
export const TX_CONTEXT_IPV4 = 1 << 10;
export const TX_L4_TYPE_SHIFT = 11;
export const TX_L4_TYPE_MASK = 3 << TX_L4_TYPE_SHIFT;
export const TX_L4_UDP = 0 << TX_L4_TYPE_SHIFT;
export const TX_L4_TCP = 1 << TX_L4_TYPE_SHIFT;
export const TX_L4_SCTP = 2 << TX_L4_TYPE_SHIFT;
export const TX_L4_LENGTH_SHIFT = 8;
export const TX_L4_LENGTH_MASK = 0xff << TX_L4_LENGTH_SHIFT;
export const TX_MSS_SHIFT = 16;

// Advanced transmit descriptor as the device writes it back (7.2.3.2.4): only DD, in the same word.
export const TX_WB_STATUS = 3;

// Legacy transmit descriptor (7.2.3.2.2): words 0 and 1 are the address; EOP, IFCS, RS and VLE lie as above, DEXT is 0.
export const TX_LEGACY_COMMAND = 2;
export const TX_LEGACY_STATUS_VLAN = 3;
export const TX_LEGACY_CSO_SHIFT = 16;
export const TX_LEGACY_CMD_IC = 1 << 26;
export const TX_LEGACY_CSS_SHIFT = 8;
export const TX_LEGACY_VLAN_SHIFT = 16;

/** Most descriptors that one packet may spread over (7.2.1.2): 40 − WTHRESH − 2, where WTHRESH is 0. */
export const TX_DESCRIPTORS_PER_PACKET = 38;
/** With WTHRESH 0, at least one descriptor in this many must have RS (8.2.3.9.10): as many are kept on chip. */
export const TX_REPORT_INTERVAL = 40;
/** Frame sizes that may be handed to the device, without CRC (7.2.1.1): 17 … 15.5 KiB; below 60 it pads if told to. */
export const TX_PACKET_MINIMUM = 17;
