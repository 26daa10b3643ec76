/** A device's rings, the pool behind them, and giving both back. */
import { DESCRIPTOR_BYTES, RING_ALIGNMENT } from '../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import type { DmaBlock } from '../../memory/dma-heap.ts';
import type { PciDevice } from '../../pci/pci-device.ts';
import { frameInMemory } from '../frame-length.ts';
import { createDevicePool, createRingHeap, placeOf, type RingPlace, wordsOf } from '../queue-memory.ts';
import { ReleaseStack } from '../release-stack.ts';
import { unlessGone } from '../unless-gone.ts';
import type { ResolvedOptions } from './options.ts';
import { RxQueue } from './rx-queue.ts';
import { TxQueue } from './tx-queue.ts';

const KIBIBYTE = 1024;

export interface QueueSet {
  readonly rx: readonly RxQueue[];
  readonly tx: readonly TxQueue[];
  readonly rxRings: readonly RingPlace[];
  readonly txRings: readonly RingPlace[];
  /** Bytes that the device may write into one receive buffer; a multiple of 1024. */
  readonly bufferSize: number;
  /** `step` gives back what must go before the rings do. */
  onRelease(step: () => void): void;
  /** Gives packets back to their pools and memory to the system. The device must have stopped. Idempotent. */
  release(): void;
}

/** Allocates everything the queues need, in memory that `device` reaches; nothing is enabled yet. */
export function createQueues(device: PciDevice, options: ResolvedOptions): QueueSet {
  const { allocateMemory, rxQueues, txQueues, rxRingSize, txRingSize } = options;
  const descriptors = rxQueues * rxRingSize + txQueues * txRingSize;
  const acquired = new ReleaseStack();
  try {
    const heap = createRingHeap(device.dma, allocateMemory, descriptors * DESCRIPTOR_BYTES);
    acquired.push(() => heap.close());
    const pool = options.pool ?? createDevicePool(device.address, descriptors, options);
    if (!options.pool) acquired.push(() => pool.close());

    const rings = (count: number, size: number): DmaBlock[] =>
      Array.from({ length: count }, () => heap.allocate(size * DESCRIPTOR_BYTES, RING_ALIGNMENT));
    const rxBlocks = rings(rxQueues, rxRingSize);
    const txBlocks = rings(txQueues, txRingSize);

    const common = {
      domain: device.dma,
      doorbells: device.bar(0).doorbells,
      maximumFrame: frameInMemory(options.mtu),
    };
    const hash = options.rss?.hash ?? false;
    const adopt = <Q extends RxQueue | TxQueue>(queue: Q): Q => {
      acquired.push(() => queue.reclaim());
      return queue;
    };
    const rx = rxBlocks.map((block, index) =>
      adopt(new RxQueue({ ...common, pool, hash, ring: wordsOf(block), doorbell: ixgbe.RDT.at(index) / 4 })),
    );
    const tx = txBlocks.map((block, index) =>
      adopt(
        new TxQueue({
          ...common,
          ring: wordsOf(block),
          doorbell: ixgbe.TDT.at(index) / 4,
          readHead: () => unlessGone(() => device.bar(0).read32(ixgbe.TDH.at(index)), 0xffff_ffff),
        }),
      ),
    );
    const place = (block: DmaBlock): RingPlace => placeOf(device.dma, block);
    const onRelease = (step: () => void): void => acquired.push(step);
    const release = (): void => acquired.release();
    const bufferSize = Math.floor(pool.dataSize / KIBIBYTE) * KIBIBYTE;
    return { rx, tx, rxRings: rxBlocks.map(place), txRings: txBlocks.map(place), bufferSize, onRelease, release };
  } catch (error) {
    acquired.release();
    throw error;
  }
}
