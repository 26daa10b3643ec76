/** A chain of buffers that a driver made available, as the device sees it: in memory, translated and bounded. */
import { type DmaRegion, NOWHERE } from '../dma-regions.ts';

/** One object per queue, filled anew for each chain: nothing is allocated. */
export class Chain {
  /** What the driver knows the chain by: given back with it. */
  id = 0;
  /** Buffers in the chain. */
  count = 0;
  /** The first `readable` of them the device may only read, the others only write (virtio 1.2, section 2.7.4.2). */
  readable = 0;
  /** Bytes in the buffers that the device may read, and in those that it may write. */
  readableBytes = 0;
  writableBytes = 0;
  /** Whether every buffer lies in memory that the device can reach. */
  mapped = true;
  /** Where buffer i lies: `offsets[i]` bytes into `regions[i]`; −1, and nowhere, if its memory is not mapped. */
  readonly regions: DmaRegion[];
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;

  /** For chains of up to `capacity` buffers. */
  constructor(capacity: number) {
    this.regions = new Array<DmaRegion>(capacity).fill(NOWHERE);
    this.offsets = new Int32Array(capacity);
    this.lengths = new Int32Array(capacity);
  }

  clear(): void {
    this.count = 0;
    this.readable = 0;
    this.readableBytes = 0;
    this.writableBytes = 0;
    this.mapped = true;
  }
}
