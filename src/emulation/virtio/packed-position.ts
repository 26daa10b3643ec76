/** A place in a packed ring, and the wrap counter that belongs to it (virtio 1.2, section 2.8.1). */
import { PACKED_FLAG_AVAIL, PACKED_FLAG_USED } from '../../datasheet/virtio/packed-ring.ts';

export class PackedPosition {
  slot = 0;
  /** 1 or 0, by turns. */
  wrap = 1;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  set(other: PackedPosition): void {
    this.slot = other.slot;
    this.wrap = other.wrap;
  }

  /** By at most the ring's size. */
  advance(descriptors: number): void {
    this.slot += descriptors;
    if (this.slot < this.#size) return;
    this.slot -= this.#size;
    this.wrap ^= 1;
  }

  /** Whether a descriptor here with these flags is available to the device. */
  isAvailable(flags: number): boolean {
    return (
      (flags & (PACKED_FLAG_AVAIL | PACKED_FLAG_USED)) === (this.wrap === 1 ? PACKED_FLAG_AVAIL : PACKED_FLAG_USED)
    );
  }
}
