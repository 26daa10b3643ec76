/** A queue, the driver at its other end, memory for buffers, and everything that is said about them. */
import { type FeatureName, featureSet } from '../../../src/datasheet/virtio/features.ts';
import { Faults } from '../../../src/emulation/faults.ts';
import { EmulatedDomain } from '../../../src/emulation/iommu.ts';
import { Judge } from '../../../src/emulation/judge.ts';
import { Timers } from '../../../src/emulation/timers.ts';
import { createDeviceQueue } from '../../../src/emulation/virtio/create-device-queue.ts';
import type { DeviceQueue, QueueContext } from '../../../src/emulation/virtio/device-queue.ts';
import { QUEUE_RULES, type QueueRule } from '../../../src/emulation/virtio/queue-rules.ts';
import type { RingFault } from '../../../src/emulation/virtio/ring-faults.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { PackedDriver, type RingDriver, SplitDriver } from './ring-driver.ts';

export type Format = 'split' | 'packed';
export const FORMATS: readonly Format[] = ['split', 'packed'];

export interface LabOptions {
  readonly size?: number;
  readonly features?: readonly FeatureName[];
  readonly strict?: boolean;
  readonly batchesUsed?: boolean;
  readonly bufferBytes?: number;
}

export class Lab {
  readonly domain = new EmulatedDomain();
  readonly timers = new Timers();
  readonly judge: Judge<QueueRule>;
  readonly faults = new Faults<RingFault>();
  readonly features;
  readonly driver: RingDriver;
  readonly context: QueueContext;
  readonly queue: DeviceQueue;
  /** Queues that the device said are broken. */
  readonly broken: number[] = [];
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly memory;

  constructor(format: Format, options: LabOptions = {}) {
    const { size = 8, features = [], strict = true, batchesUsed, bufferBytes = 1 << 18 } = options;
    this.features = featureSet(format === 'packed' ? ['VERSION_1', 'RING_PACKED', ...features] : features);
    this.judge = new Judge(QUEUE_RULES, this.timers, strict);
    const { domain, timers, judge, faults, broken } = this;
    this.context = { regions: domain.regions, timers, judge, faults, dmaFaults: 0, queueBroken: (q) => broken.push(q) };
    const agreed = { eventIndex: features.includes('EVENT_IDX'), inOrder: features.includes('IN_ORDER') };
    this.driver = new (format === 'packed' ? PackedDriver : SplitDriver)(domain, size, agreed);
    this.memory = allocatePlainMemory(bufferBytes);
    this.bytes = new Uint8Array(this.memory.buffer);
    domain.map(this.memory);
    this.address = domain.addressOf(this.memory, 0);
    const settings = { index: 3, size, features: this.features, ...(batchesUsed ? { batchesUsed } : {}) };
    this.queue = createDeviceQueue(this.context, { ...settings, ...this.driver.addresses });
  }

  get rules(): QueueRule[] {
    return this.judge.violations.map(({ rule }) => rule);
  }

  /** Takes and uses up to `budget` chains, and publishes; returns how many. */
  serve(budget = Number.POSITIVE_INFINITY, written?: number): number {
    let served = 0;
    this.queue.listen();
    for (; served < budget && this.queue.take(); served++) this.queue.use(written ?? this.queue.chain.writableBytes);
    this.queue.publish();
    return served;
  }
}
