/** Opening a virtio-net device: the initialisation sequence of virtio 1.2 (sections 3.1.1 and 5.1.5), step by step. */
import { type FeatureSet, hasFeature, STATUS_DRIVER_OK } from '../../datasheet/virtio/features.ts';
import { receiveQueueIndex, transmitQueueIndex } from '../../datasheet/virtio/net.ts';
import { IxyError } from '../../errors.ts';
import { PacketPool } from '../../memory/packet-pool.ts';
import type { PciDevice } from '../../pci/pci-device.ts';
import { frameInMemory } from '../frame-length.ts';
import { VirtioNetDevice } from './device.ts';
import { greet, negotiate } from './features.ts';
import { VirtioInterrupts } from './interrupts.ts';
import { readMaximumMtu, readQueuePairs } from './net-config.ts';
import { MAXIMUM_MTU, type ResolvedOptions, resolveOptions, type VirtioOptions } from './options.ts';
import { openPciTransport } from './pci/open-transport.ts';
import { createQueues, type QueueSet } from './queues.ts';
import { VirtioRss } from './rss.ts';
import { shutDown } from './shutdown.ts';
import type { VirtioTransport } from './transport.ts';

const DEFAULT_MTU = 1500;

/** What a device can do, of what matters to whoever asks for queues and frames. */
export interface DeviceLimits {
  readonly pairs: number;
  readonly mtu: number;
  /** The device itself says what MTU it takes, and nothing that it must not say. */
  readonly tellsMtu: boolean;
}

/**
 * Resets and initialises `device`, which belongs to the result from now on: `close` closes it, and so does a failure.
 *
 * Throws `ERR_ARGUMENT`, `ERR_DEVICE_UNSUPPORTED`, `ERR_DMA_UNMAPPED`, `ERR_TIMEOUT`, `ERR_DEVICE_FAILED`,
 * `ERR_DEVICE_GONE`, or what allocating memory throws.
 */
export async function openVirtio(device: PciDevice, options: VirtioOptions): Promise<VirtioNetDevice> {
  let transport: VirtioTransport;
  try {
    transport = openPciTransport(device, resolveOptions(device.address, options).legacy);
  } catch (error) {
    device.close();
    throw error;
  }
  return openVirtioTransport(transport, options);
}

/** The same for a device that is reached in any way. The transport belongs to the result. */
export async function openVirtioTransport(
  transport: VirtioTransport,
  options: VirtioOptions,
): Promise<VirtioNetDevice> {
  const resolved = resolveOptions(transport.address, options);
  let queues: QueueSet | undefined;
  let interrupts: VirtioInterrupts | undefined;
  try {
    const offered = await greet(transport);
    const limits = readLimits(transport, offered);
    const mtu = resolved.mtu ?? Math.min(DEFAULT_MTU, limits.mtu);
    const pairs = Math.max(resolved.rxQueues, resolved.txQueues);
    checkLimits(transport.address, limits, { mtu, pairs });
    const features = await negotiate(transport, offered, {
      ...resolved,
      pairs,
      mergeable: frameInMemory(mtu) > PacketPool.DATA_SIZE,
      mtu: limits.tellsMtu && limits.mtu <= mtu,
    });
    checkDma(transport, features);
    queues = createQueues(transport, features, resolved, { pairs, devicePairs: limits.pairs, mtu });
    transport.setBusMaster(true);
    const source = resolved.interrupts ? transport.interrupts : undefined;
    interrupts = source && new VirtioInterrupts(source, queues.rx);
    startQueues(transport, queues, interrupts);
    transport.addStatus(STATUS_DRIVER_OK);
    const rss = spreadFlows(transport, features, queues, resolved);
    configure(queues, features, resolved);
    for (const queue of queues.rx) queue.fill();
    return new VirtioNetDevice({ transport, features, limits, mtu, options: resolved, queues, interrupts, rss });
  } catch (error) {
    shutDown(transport, queues, interrupts, resolved.logger);
    throw error;
  }
}

/** The configuration may be read before anything is agreed on (3.1.1, step 4). */
function readLimits(transport: VirtioTransport, offered: FeatureSet): DeviceLimits {
  const mergeable = hasFeature(offered, 'MRG_RXBUF');
  const largest = mergeable ? MAXIMUM_MTU : PacketPool.DATA_SIZE - frameInMemory(0);
  const told = readMaximumMtu(transport, offered);
  return {
    pairs: readQueuePairs(transport, offered),
    mtu: Math.min(told ?? largest, MAXIMUM_MTU),
    tellsMtu: told !== undefined,
  };
}

function checkLimits(address: string, limits: DeviceLimits, wanted: Pick<DeviceLimits, 'pairs' | 'mtu'>): void {
  if (wanted.pairs > limits.pairs) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `${address}: rxQueues and txQueues must be at most ${limits.pairs}, which the device has, found ${wanted.pairs}`,
    );
  }
  if (wanted.mtu > limits.mtu) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `${address}: mtu must be at most ${limits.mtu}, which the device takes, found ${wanted.mtu}`,
    );
  }
}

/**
 * A device that does not know of the IOMMU takes every address for a physical one (6.1, ACCESS_PLATFORM): behind VFIO it
 * would write into memory of somebody else.
 */
function checkDma({ address, dma }: VirtioTransport, features: FeatureSet): void {
  if (!dma.translated || hasFeature(features, 'ACCESS_PLATFORM')) return;
  throw new IxyError(
    'ERR_DMA_UNMAPPED',
    `${address} is used through VFIO, but does not translate addresses (ACCESS_PLATFORM); start the virtual machine with ` +
      'disable-legacy=on,iommu_platform=on for it, or without an IOMMU',
  );
}

/** Tells the device of every queue. None of them is used before DRIVER_OK. */
function startQueues(transport: VirtioTransport, queues: QueueSet, interrupts: VirtioInterrupts | undefined): void {
  const configVector = interrupts?.configVector;
  if (configVector !== undefined) transport.setConfigVector(configVector);
  for (const [pair, queue] of queues.rx.entries()) {
    const setup = { size: queues.rxSizes[pair], addresses: queue.addresses, vector: interrupts?.vectorOf(pair) };
    queue.start(transport.setUpQueue(receiveQueueIndex(pair), setup));
  }
  for (const [pair, queue] of queues.tx.entries()) {
    const setup = { size: queues.txSizes[pair], addresses: queue.addresses };
    queue.start(transport.setUpQueue(transmitQueueIndex(pair), setup));
  }
  const { control, controlIndex } = queues;
  if (control) control.start(transport.setUpQueue(controlIndex, { size: control.size, addresses: control.addresses }));
}

/**
 * Takes the queue pairs into use; one is until the device is told otherwise (5.1.6.5.6). What nobody has asked for may fail:
 * then the device steers as it likes.
 */
function spreadFlows(
  transport: VirtioTransport,
  features: FeatureSet,
  { control, rx }: QueueSet,
  { rss: wanted, logger }: ResolvedOptions,
): VirtioRss | undefined {
  if (!control) return undefined;
  if (hasFeature(features, 'RSS') || hasFeature(features, 'HASH_REPORT')) {
    try {
      const rss = new VirtioRss(transport, features, control, rx.length);
      rss.configure(wanted || {});
      return rss;
    } catch (error) {
      if (wanted || !(error instanceof IxyError) || error.code !== 'ERR_DEVICE_UNSUPPORTED') throw error;
      logger.warn(`${error.message}; going on without`);
    }
  }
  if (rx.length > 1) control.send('QUEUE_PAIRS_SET', Uint8Array.of(rx.length & 0xff, rx.length >>> 8));
  return undefined;
}

/** A device may begin in any receive mode (5.1.6.5.1). */
function configure({ control }: QueueSet, features: FeatureSet, { promiscuous, logger }: ResolvedOptions): void {
  if (!control || !hasFeature(features, 'CTRL_RX')) return;
  control.offer(logger, 'PROMISCUOUS', Uint8Array.of(promiscuous ? 1 : 0));
  control.offer(logger, 'ALL_MULTICAST', Uint8Array.of(0));
}
