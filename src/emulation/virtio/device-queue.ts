/**
 * The device's side of a virtqueue, of either format (virtio 1.2, sections 2.7 and 2.8). A queue is made when the driver
 * enables it (`createDeviceQueue`) and dropped when the driver resets the queue or the device.
 *
 * A burst: `take` a chain, `use` it, and so on, then `publish` once. Chains are used in the order in which they are taken.
 * Nothing here throws on account of the driver: what it breaks is recorded by the judge, and if the queue cannot go on it
 * stops, once and for all, and tells `QueueContext.queueBroken`. Nothing allocates, and no call does more than a
 * queue's size of work.
 */
import type { FeatureSet } from '../../datasheet/virtio/features.ts';
import type { DmaRegions } from '../dma-regions.ts';
import type { Place } from '../judge.ts';
import type { Chain } from './chain.ts';
import type { QueueRule } from './queue-rules.ts';
import type { RingFaults } from './ring-faults.ts';

/** What a device's queues share; the model's own context will do. */
export interface QueueContext {
  readonly regions: DmaRegions;
  readonly judge: QueueJudge;
  readonly faults: RingFaults;
  readonly timers: { readonly now: number };
  /** Accesses to memory that is not mapped; each was blocked. */
  dmaFaults: number;
  /** The driver broke this queue, and it has stopped: the device sets DEVICE_NEEDS_RESET (section 2.1.2). */
  queueBroken(queue: number): void;
}

/** A judge that knows at least the rules of queues. */
export interface QueueJudge {
  readonly strict: boolean;
  record(rule: QueueRule, place?: Place): void;
}

/** What the driver said of a queue when it enabled it. */
export interface QueueSettings {
  /** Index among the device's queues. */
  readonly index: number;
  /** Number of descriptors: 1 … 32768; a power of two unless the ring is packed. */
  readonly size: number;
  /** Device addresses, below 2^53, of the three parts: descriptors; available ring or driver's events; used ring or device's. */
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
  /** As negotiated. */
  readonly features: FeatureSet;
  /** With IN_ORDER: give back runs of buffers with one element, where that loses nothing (2.7.9, 2.8.8). Default false. */
  readonly batchesUsed?: boolean;
}

export interface DeviceQueue {
  readonly index: number;
  readonly size: number;
  /** The chain taken last. */
  readonly chain: Chain;
  /** False once the driver broke the queue or took its memory away: then `take` finds nothing, and `publish` does nothing. */
  readonly usable: boolean;

  /**
   * Call once per step, ahead of the burst: sees whether the queue's memory is still there and, in strict mode, what the
   * driver has newly made available, and remembers that.
   */
  listen(): void;
  /** Takes the next chain that the driver made available into `chain`. False if there is none. */
  take(): boolean;
  /** Gives back the chain taken last, of which the device has written `written` bytes. The driver learns of it by `publish`. */
  use(written: number): void;
  /** Remembers this point: `rewind` undoes every `take` and `use` since, until the next `publish`. */
  mark(): void;
  rewind(): void;
  /** Shows the driver all that was used since the last call. True if the driver wants an interrupt for it. */
  publish(): boolean;

  /**
   * Whether the driver shall notify the device of new buffers: not while it is being polled (false), but when it is about
   * to rest (true). True if there is something available already, for which no notification may come. A queue begins
   * with notifications wanted.
   */
  wantKicks(wanted: boolean): boolean;
  /** The driver has notified the device of this queue. For the judge: the device polls all the same. */
  kicked(): void;
}
