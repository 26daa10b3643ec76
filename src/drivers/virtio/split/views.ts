/** A split ring's memory as typed arrays (virtio 1.2, section 2.7). */
import { splitLayout } from '../../../datasheet/virtio/split-ring.ts';
import type { QueueInit } from '../queue-init.ts';

export interface SplitViews {
  /** The descriptor table in words of 4 and of 8 bytes. */
  readonly descriptors: Int32Array;
  readonly descriptors64: Float64Array;
  /** The available ring in words of 2 bytes. */
  readonly available: Uint16Array;
  /** The used ring in words of 2 and of 4 bytes. */
  readonly used16: Uint16Array;
  readonly used: Int32Array;
}

export function splitViews({ memory, size }: QueueInit): SplitViews {
  const { buffer, byteOffset } = memory.bytes;
  const layout = splitLayout(size);
  const descriptors = byteOffset + layout.descriptors;
  const available = byteOffset + layout.available;
  const used = byteOffset + layout.used;
  return {
    descriptors: new Int32Array(buffer, descriptors, 4 * size),
    descriptors64: new Float64Array(buffer, descriptors, 2 * size),
    available: new Uint16Array(buffer, available, 3 + size),
    used16: new Uint16Array(buffer, used, 3 + 4 * size),
    used: new Int32Array(buffer, used, 1 + 2 * size),
  };
}
