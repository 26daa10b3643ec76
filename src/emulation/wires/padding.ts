/** Ethernet's shortest frame, 64 bytes with its CRC (IEEE 802.3, 3.2.8): senders in software leave the padding to the NIC. */
export const SHORTEST_FRAME = 60;

/** Pads the frame at the begin of `buffer` with zeros, as a sending NIC would; returns its length then. */
export function padFrame(buffer: Uint8Array, length: number): number {
  if (length >= SHORTEST_FRAME) return length;
  buffer.fill(0, length, SHORTEST_FRAME);
  return SHORTEST_FRAME;
}
