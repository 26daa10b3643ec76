/** A device's queues: their sizes, the memory behind them, the pool, and giving all of it back. */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import { controlQueueIndex, receiveQueueIndex, transmitQueueIndex } from '../../datasheet/virtio/net.ts';
import { IxyError } from '../../errors.ts';
import type { DmaBlock, DmaHeap } from '../../memory/dma-heap.ts';
import { PacketPool } from '../../memory/packet-pool.ts';
import { frameInMemory } from '../frame-length.ts';
import { createDevicePool, createRingHeap } from '../queue-memory.ts';
import { ReleaseStack } from '../release-stack.ts';
import { CONTROL_BUFFER_BYTES, ControlQueue, controlRingBytes } from './control/queue.ts';
import { ringFeatures, ringKind } from './features.ts';
import type { ResolvedOptions } from './options.ts';
import {
  QUEUE_ALIGNMENT,
  QUEUE_MAXIMUM,
  QUEUE_MINIMUM,
  type QueueInit,
  queueBytes,
  type RingKind,
} from './queue-init.ts';
import { VirtioRxQueue } from './rx-queue.ts';
import type { VirtioTransport } from './transport.ts';
import { VirtioTxQueue } from './tx-queue.ts';

/** Commands come one at a time; more descriptors would be of no use. */
const CONTROL_RING = 16;

export interface QueueSet {
  readonly rx: readonly VirtioRxQueue[];
  readonly tx: readonly VirtioTxQueue[];
  /** Undefined if the device has none. */
  readonly control: ControlQueue | undefined;
  /** Descriptors, by pair. */
  readonly rxSizes: readonly number[];
  readonly txSizes: readonly number[];
  /** What each queue is made from. */
  readonly rxInits: readonly QueueInit[];
  readonly txInits: readonly QueueInit[];
  /** Index of the control queue. */
  readonly controlIndex: number;
  /** Called when a queue finds that the device broke the ring's rules. */
  onBroken: (reason: string) => void;
  /** `step` gives back what must go before the rings do. */
  onRelease(step: () => void): void;
  /** Gives packets back to their pools and memory to the system. The device must have been reset. Idempotent. */
  release(): void;
}

/** What is asked for: pairs of queues, of how many that the device has, and frames. */
interface QueueWishes {
  readonly pairs: number;
  readonly devicePairs: number;
  readonly mtu: number;
}

/**
 * Allocates everything that `pairs` pairs of queues and the control queue need; the device knows nothing of it yet. Throws
 * `ERR_DEVICE_UNSUPPORTED` if it lacks a queue, or a frame has no room in one; `ERR_ARGUMENT` if that is because a smaller
 * one was asked for; and what allocating throws.
 */
export function createQueues(
  transport: VirtioTransport,
  features: FeatureSet,
  options: ResolvedOptions,
  { pairs, devicePairs, mtu }: QueueWishes,
): QueueSet {
  const kind = ringKind(features);
  const sizes = (indexOf: (pair: number) => number, wanted: number): number[] =>
    Array.from({ length: pairs }, (_, pair) => queueSize(transport, indexOf(pair), wanted));
  const rxSizes = sizes(receiveQueueIndex, options.rxRingSize);
  const txSizes = sizes(transmitQueueIndex, options.txRingSize);
  for (const size of rxSizes) checkRoom(transport.address, size, options.rxRingSize, mtu);
  for (const size of txSizes) checkRoom(transport.address, size, options.txRingSize, mtu);
  const controlIndex = controlQueueIndex(hasAllPairs(features) ? devicePairs : 1);
  const controlSize = controlRingSize(transport, features, controlIndex);
  const acquired = new ReleaseStack();
  try {
    const heap = createRingHeap(
      transport.dma,
      options.allocateMemory,
      totalBytes(kind, [...rxSizes, ...txSizes], controlSize),
    );
    acquired.push(() => heap.close());
    const descriptors = [...rxSizes, ...txSizes].reduce((sum, size) => sum + size, 0);
    const pool = options.pool ?? createDevicePool(transport.address, descriptors, options);
    if (!options.pool) acquired.push(() => pool.close());
    const queues: { onBroken: (reason: string) => void } = { onBroken: () => {} };
    const init = (size: number, name: string): QueueInit => ({
      ...placed(transport, heap.allocate(queueBytes(kind, size), QUEUE_ALIGNMENT)),
      size,
      kind,
      features: ringFeatures(features),
      domain: transport.dma,
      maximumFrame: frameInMemory(mtu),
      onBroken: (reason) => queues.onBroken(`${name}: the device ${reason}`),
    });
    const adopt = <Q extends VirtioRxQueue | VirtioTxQueue>(queue: Q): Q => {
      acquired.push(() => queue.reclaim());
      return queue;
    };
    const rxInits = rxSizes.map((size, pair) => init(size, `rx[${pair}]`));
    const txInits = txSizes.map((size, pair) => init(size, `tx[${pair}]`));
    const rx = rxInits.map((rxInit) => adopt(new VirtioRxQueue({ ...rxInit, pool })));
    const tx = txInits.map((txInit) => adopt(new VirtioTxQueue(txInit)));
    const control = controlSize === 0 ? undefined : createControl(transport, heap, kind, features, controlSize);
    const onRelease = (step: () => void): void => acquired.push(step);
    const release = (): void => acquired.release();
    const sizes = { rxSizes, txSizes, rxInits, txInits };
    return Object.assign(queues, { rx, tx, control, ...sizes, controlIndex, onRelease, release });
  } catch (error) {
    acquired.release();
    throw error;
  }
}

/** Without either feature the device shows one pair only, however many it has (5.1.2). */
function hasAllPairs(features: FeatureSet): boolean {
  return hasFeature(features, 'MQ') || hasFeature(features, 'RSS');
}

/** Descriptors of a queue: as many as wanted, unless the device has fewer, or lets nobody choose. */
function queueSize(transport: VirtioTransport, index: number, wanted: number): number {
  const maximum = transport.queueSize(index);
  const size = transport.fixedQueueSize ? maximum : Math.min(wanted, maximum);
  const usable = transport.fixedQueueSize ? size : 2 ** Math.floor(Math.log2(size));
  const fits = usable >= QUEUE_MINIMUM && usable <= QUEUE_MAXIMUM;
  if (fits && (usable & (usable - 1)) === 0) return usable;
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${transport.address}: queue ${index} must have ${QUEUE_MINIMUM} to ${QUEUE_MAXIMUM} descriptors, ` +
      `a power of two, found ${maximum}`,
  );
}

/** A frame that does not fit into all buffers of a ring together never comes, and never leaves. */
function checkRoom(address: string, size: number, wanted: number, mtu: number): void {
  const needed = Math.ceil(frameInMemory(mtu) / PacketPool.DATA_SIZE);
  if (size >= needed) return;
  throw new IxyError(
    wanted < needed ? 'ERR_ARGUMENT' : 'ERR_DEVICE_UNSUPPORTED',
    `${address}: with mtu ${mtu} a frame takes ${needed} descriptors, found rings of ${size}; make them larger, or the mtu smaller`,
  );
}

/** 0 if there is no control queue. */
function controlRingSize(transport: VirtioTransport, features: FeatureSet, index: number): number {
  return hasFeature(features, 'CTRL_VQ') ? queueSize(transport, index, CONTROL_RING) : 0;
}

function createControl(
  transport: VirtioTransport,
  heap: DmaHeap,
  kind: RingKind,
  features: FeatureSet,
  size: number,
): ControlQueue {
  const ring = heap.allocate(controlRingBytes(kind, size), QUEUE_ALIGNMENT);
  const buffer = heap.allocate(CONTROL_BUFFER_BYTES);
  return new ControlQueue({ transport, kind, size, eventIndex: hasFeature(features, 'EVENT_IDX'), ring, buffer });
}

function placed({ dma }: VirtioTransport, memory: DmaBlock): { memory: DmaBlock; address: number } {
  return { memory, address: dma.addressOf(memory.memory, memory.offset) };
}

/** Bytes of all rings, each at a page's begin, and of the commands. */
function totalBytes(kind: RingKind, sizes: readonly number[], controlSize: number): number {
  const pages = (bytes: number): number => Math.ceil(bytes / QUEUE_ALIGNMENT) * QUEUE_ALIGNMENT;
  const rings = sizes.reduce((sum, size) => sum + pages(queueBytes(kind, size)), 0);
  return rings + (controlSize === 0 ? 0 : pages(controlRingBytes(kind, controlSize)) + pages(CONTROL_BUFFER_BYTES));
}
