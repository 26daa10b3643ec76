/** What a packet queue of virtio-net is made from: its ring's memory and format, and the features that choose its bursts. */
import type { FeatureName } from '../../datasheet/virtio/features.ts';
import { packedLayout } from '../../datasheet/virtio/packed-ring.ts';
import { LEGACY_PAGE } from '../../datasheet/virtio/pci.ts';
import { SPLIT_MAXIMUM_SIZE, splitLayout } from '../../datasheet/virtio/split-ring.ts';
import { IxyError } from '../../errors.ts';
import type { DmaBlock } from '../../memory/dma-heap.ts';
import type { DmaDomain } from '../../memory/dma-memory.ts';
import type { PacketPool } from '../../memory/packet-pool.ts';
import type { QueueAddresses } from './transport.ts';

/** Format of a virtqueue: split (virtio 1.2, section 2.7) or packed (2.8). */
export type RingKind = 'split' | 'packed';

/** What was negotiated, as far as packets and their rings are concerned. */
export interface RingFeatures {
  /** IN_ORDER: the device uses buffers in the order in which they were made available (2.7.9, 2.8.10). */
  readonly inOrder: boolean;
  /** EVENT_IDX: either side names the index from which on it wants to be notified (2.7.7, 2.7.10). */
  readonly eventIndex: boolean;
  /** MRG_RXBUF: a frame may be spread over several receive buffers (5.1.6.4). */
  readonly mergeable: boolean;
  /** GUEST_CSUM: received packets may have been verified, or lack their checksum (5.1.6.4). */
  readonly receiveChecksum: boolean;
  /** CSUM: the device completes checksums (5.1.6.2). Without, the driver does. */
  readonly transmitChecksum: boolean;
  /** HASH_REPORT: the header says what the packet's flow was hashed to (5.1.6.4.3). */
  readonly hashReport: boolean;
  /** Bytes of the header in front of each packet (5.1.6): 10 on legacy devices without MRG_RXBUF, 20 with `hashReport`. */
  readonly headerBytes: 10 | 12 | 20;
  /**
   * Legacy devices without ANY_LAYOUT: the header has a descriptor of its own (5.1.6.6), which halves the ring's packets.
   * Not together with `inOrder`, `mergeable` or `receiveChecksum`, nor on packed rings.
   */
  readonly separateHeader: boolean;
}

/** What both directions need. */
export interface QueueInit {
  /** `queueBytes(kind, size)` bytes, zeroed, at a multiple of QUEUE_ALIGNMENT. Whoever allocated it frees it, after `reclaim`. */
  readonly memory: DmaBlock;
  /** The device's address of that memory. */
  readonly address: number;
  /** Descriptors: QUEUE_MINIMUM … QUEUE_MAXIMUM, a power of two; packed rings might have any number (2.8), but drivers choose. */
  readonly size: number;
  readonly kind: RingKind;
  readonly features: RingFeatures;
  /** The device's address space. Pools are retained in it until `reclaim`. */
  readonly domain: DmaDomain;
  /** Bytes in the longest frame, without CRC and without the virtio header. */
  readonly maximumFrame: number;
  /**
   * Told once, with what the device did («used buffer 700, which it does not have»), if it breaks the ring's rules. The
   * queue has then stopped: it takes and gives nothing until `reclaim`, and the device must be reset. May not throw.
   */
  readonly onBroken: (reason: string) => void;
  /** Positions, which begin anew, and counters, which go on; and totals. Default: those of a new queue. */
  readonly state?: Int32Array;
  readonly totals?: Float64Array;
}

export interface RxQueueInit extends QueueInit {
  /** Where buffers come from. */
  readonly pool: PacketPool;
}

export type TxQueueInit = QueueInit;

/** Fewest descriptors of a queue: a command takes as many, and bursts work on four at a time. */
export const QUEUE_MINIMUM = 4;

/** Most descriptors of a queue, of either format (2.7, 2.8). */
export const QUEUE_MAXIMUM = SPLIT_MAXIMUM_SIZE;

/** What a queue's memory must be aligned to: the legacy layout's page (2.7.2), which suits all others. */
export const QUEUE_ALIGNMENT = LEGACY_PAGE;

/** Room for a header that does not lie in front of its packet, by descriptor. */
export const HEADER_STRIDE = 32;

/**
 * Throws `ERR_DEVICE_UNSUPPORTED` if no ring is made for these features: what came later than legacy devices, and all that
 * makes received headers say something, takes it that header and data are one buffer.
 */
export function checkFeatures({ kind, features }: QueueInit): void {
  if (!features.separateHeader) return;
  const needs: readonly (readonly [FeatureName, boolean])[] = [
    ['RING_PACKED', kind === 'packed'],
    ['IN_ORDER', features.inOrder],
    ['MRG_RXBUF', features.mergeable],
    ['GUEST_CSUM', features.receiveChecksum],
  ];
  const found = needs.find(([, agreed]) => agreed);
  if (!found) return;
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${found[0]} takes VERSION_1 or ANY_LAYOUT too, which was not agreed on; switch it off with the option 'without'`,
  );
}

/** Bytes of memory that a queue takes: the ring, and behind it a header for each descriptor. */
export function queueBytes(kind: RingKind, size: number): number {
  return headersOffset(kind, size) + HEADER_STRIDE * size;
}

/** Where the headers begin in a queue's memory. */
export function headersOffset(kind: RingKind, size: number): number {
  const { bytes } = kind === 'split' ? splitLayout(size) : packedLayout(size);
  return Math.ceil(bytes / HEADER_STRIDE) * HEADER_STRIDE;
}

/** The device's addresses of the parts of a queue whose memory begins at `address`. */
export function queueAddresses(kind: RingKind, size: number, address: number): QueueAddresses {
  if (kind === 'packed') {
    const { descriptors, driver, device } = packedLayout(size);
    return { descriptors: address + descriptors, driver: address + driver, device: address + device };
  }
  const { descriptors, available, used } = splitLayout(size);
  return { descriptors: address + descriptors, driver: address + available, device: address + used };
}
