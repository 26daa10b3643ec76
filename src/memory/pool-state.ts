/** What the tables of a packet pool hold beside packets: values, bits, and indices. */

/** End of a chain in `PacketPool.next`. */
export const NO_PACKET = -1;

/**
 * Indices into `PacketPool.state`, which queues share with their pool: packets on the free stack, packets whose headroom
 * differs from the default, and links of chains plus open checksums, all of them wherever they are. The last two are together
 * 0 in the usual case, and queues ask once per burst. What rings then hold can be taken back buffer by buffer: a chain is
 * counted until it is back in the pool, or in a ring each of whose descriptors is a packet of its own.
 */
export const POOL_TOP = 0;
export const POOL_MOVED = 1;
export const POOL_SPECIAL = 2;

/**
 * Bits of `PacketPool.offloads`. PARTIAL: the transport checksum holds the sum of the pseudo header only; whoever sends the
 * packet completes it. VERIFIED: the device that received it found its checksum right.
 */
export const CHECKSUM_PARTIAL = 1;
export const CHECKSUM_VERIFIED = 2;
