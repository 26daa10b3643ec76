/**
 * Base of the header codecs: a cursor that is made once and moved from packet to packet. Its getters and setters work on
 * the packet's bytes in place; nothing is copied.
 *
 * Nor is anything allocated, with one reservation: fields of 32 and 48 bits are unsigned numbers, and the engine boxes
 * those from 2^31 on where it does not inline the getter. Code that must be sure of it uses `readInt32`.
 */

const NOWHERE = new Uint8Array(0);

export abstract class HeaderView {
  /** The bytes the cursor stands in; the caller's, and only referred to. */
  bytes: Uint8Array = NOWHERE;
  /** Index in `bytes` of the header's first byte. */
  offset = 0;

  /**
   * Moves the cursor to the header at `offset` and returns it. Nothing is checked: that a whole header is there is for
   * the caller to know, for instance from `PacketStack`.
   */
  at(bytes: Uint8Array, offset: number): this {
    this.bytes = bytes;
    this.offset = offset;
    return this;
  }
}
