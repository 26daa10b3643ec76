/** A device's rings, the pool behind them, and giving both back. */
import { DESCRIPTOR_BYTES, RING_ALIGNMENT } from '../../datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { createPacketPool } from '../../memory/checked-pool.ts';
import { type DmaBlock, DmaHeap } from '../../memory/dma-heap.ts';
import { HUGE_PAGE_2_MIB } from '../../memory/huge-pages.ts';
import { PacketPool } from '../../memory/packet-pool.ts';
import type { PciDevice } from '../../pci/pci-device.ts';
import type { ResolvedOptions } from './options.ts';
import { RxQueue } from './rx-queue.ts';
import { TxQueue } from './tx-queue.ts';

const ETHERNET_HEADER = 14;
const VLAN_TAGS = 8;
const CRC = 4;
const KIBIBYTE = 1024;
/** Packets of a device's own pool beyond what fills its rings: for the application's batches. */
const SPARE_PACKETS = 2048;

/** Where the device finds a ring, and how long it is. */
export interface RingPlace {
  readonly address: number;
  readonly bytes: number;
}

export interface QueueSet {
  readonly rx: readonly RxQueue[];
  readonly tx: readonly TxQueue[];
  readonly rxRings: readonly RingPlace[];
  readonly txRings: readonly RingPlace[];
  /** Bytes that the device may write into one receive buffer; a multiple of 1024. */
  readonly bufferSize: number;
  /** Gives packets back to their pools and memory to the system. The device must have stopped. Idempotent. */
  release(): void;
}

/** Bytes in the largest frame on the wire, untagged, CRC included: what MAXFRS wants (8.2.3.22.13). */
export function frameOnWire(mtu: number): number {
  return mtu + ETHERNET_HEADER + CRC;
}

/** Bytes in the largest frame in memory: two VLAN tags more, CRC stripped. */
function frameInMemory(mtu: number): number {
  return mtu + ETHERNET_HEADER + VLAN_TAGS;
}

/** Allocates everything the queues need, in memory that `device` reaches; nothing is enabled yet. */
export function createQueues(device: PciDevice, options: ResolvedOptions): QueueSet {
  // What was acquired is released last first, also if a later step fails; one that fails does not keep the rest.
  const releases: (() => void)[] = [];
  const release = (): void => {
    const step = releases.pop();
    if (!step) return;
    try {
      step();
    } finally {
      release();
    }
  };
  try {
    const heap = createHeap(device, options);
    releases.push(() => heap.close());
    const pool = options.pool ?? createPool(device, options);
    if (!options.pool) releases.push(() => pool.close());

    const rings = (count: number, size: number): DmaBlock[] =>
      Array.from({ length: count }, () => heap.allocate(size * DESCRIPTOR_BYTES, RING_ALIGNMENT));
    const rxBlocks = rings(options.rxQueues, options.rxRingSize);
    const txBlocks = rings(options.txQueues, options.txRingSize);

    const common = {
      domain: device.dma,
      doorbells: device.bar(0).doorbells,
      maximumFrame: frameInMemory(options.mtu),
    };
    const adopt = <Q extends RxQueue | TxQueue>(queue: Q): Q => {
      releases.push(() => queue.reclaim());
      return queue;
    };
    const rx = rxBlocks.map(({ bytes }, index) =>
      adopt(new RxQueue({ ...common, pool, ring: wordsOf(bytes), doorbell: ixgbe.RDT.at(index) / 4 })),
    );
    const tx = txBlocks.map(({ bytes }, index) =>
      adopt(new TxQueue({ ...common, ring: wordsOf(bytes), doorbell: ixgbe.TDT.at(index) / 4 })),
    );
    const place = ({ memory, offset, bytes }: DmaBlock): RingPlace => ({
      address: device.dma.addressOf(memory, offset),
      bytes: bytes.length,
    });
    const bufferSize = Math.floor(pool.dataSize / KIBIBYTE) * KIBIBYTE;
    return { rx, tx, rxRings: rxBlocks.map(place), txRings: txBlocks.map(place), bufferSize, release };
  } catch (error) {
    release();
    throw error;
  }
}

function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Memory for all rings at once, mapped for the device while the heap is open. */
function createHeap(device: PciDevice, options: ResolvedOptions): DmaHeap {
  const { rxQueues, txQueues, rxRingSize, txRingSize } = options;
  const total = (rxQueues * rxRingSize + txQueues * txRingSize) * DESCRIPTOR_BYTES;
  return new DmaHeap({
    grow: (minimumBytes) => {
      const memory = options.allocateMemory(Math.max(minimumBytes, total));
      device.dma.map(memory);
      return memory;
    },
    release: (memory) => {
      device.dma.unmap(memory);
      memory.free();
    },
  });
}

/** A pool that fills all rings, with packets to spare. */
function createPool(device: PciDevice, options: ResolvedOptions): PacketPool {
  const { rxQueues, txQueues, rxRingSize, txRingSize, checked } = options;
  const packets = rxQueues * rxRingSize + txQueues * txRingSize + SPARE_PACKETS;
  const memory = options.allocateMemory(PacketPool.memorySize(packets, HUGE_PAGE_2_MIB));
  return createPacketPool(memory, { name: `${device.address} pool`, checked });
}
