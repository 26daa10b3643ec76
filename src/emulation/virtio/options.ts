/** What a virtio-net device can be told when it is made, and what it then offers (virtio 1.2, sections 5.1.3 and 6). */
import {
  FEATURE,
  FEATURE_NEEDS,
  type FeatureName,
  type FeatureSet,
  featureSet,
} from '../../datasheet/virtio/features.ts';
import { SPLIT_MAXIMUM_SIZE } from '../../datasheet/virtio/split-ring.ts';
import { checkInteger, IxyError } from '../../errors.ts';
import type { DeviceModelOptions } from '../device-model.ts';
import { macBytes } from '../mac-bytes.ts';
import type { ChecksumReport } from './receive-checksum.ts';

/** Which interfaces the device has: ports alone, ports and memory, memory alone (1.3). */
export type VirtioKind = 'legacy' | 'transitional' | 'modern';

/** Plain data. The MAC address defaults to `DEFAULT_VIRTIO_MAC`. */
export interface VirtioNetOptions extends DeviceModelOptions {
  /** Default 'transitional'. */
  readonly kind?: VirtioKind;
  /** What is offered. Default: everything that the device knows and that goes with its other options. */
  readonly features?: readonly FeatureName[];
  /** Of those, what is not offered after all. What cannot do without them is not offered either. */
  readonly without?: readonly FeatureName[];
  /** Receive and transmit queues, 1 … 128 of each. Default 1. */
  readonly queuePairs?: number;
  /** Most descriptors in a queue, a power of two up to 32,768; legacy drivers must use as many. Default 256. */
  readonly queueSize?: number;
  /** Largest MTU in bytes, 68 … 65,535. Default 1500. */
  readonly mtu?: number;
  /** Mbit/s that the device tells, 0 … 2^31 − 1. Default: what the wire carries, or unknown. */
  readonly speed?: number;
  /** Vectors in the MSI-X table, 0 … 2048; 0: the interrupt line alone. Default: one for each queue and one more. */
  readonly vectors?: number;
  /** Whether the driver must use device addresses, and say so by ACCESS_PLATFORM (6.1). Default false. */
  readonly accessPlatform?: boolean;
  /** What it tells of checksums that it finds to be right, with GUEST_CSUM. Default 'valid'. */
  readonly checksums?: ChecksumReport;
  /** With IN_ORDER: give back runs of buffers with one element, where that loses nothing (2.7.9, 2.8.8). Default false. */
  readonly batchesUsed?: boolean;
  /** Nanoseconds that it goes on looking at an empty queue before it wants to be notified again. Default 0. */
  readonly pollTime?: number;
}

/** Options with nothing left to default. */
export interface VirtioNetSetup {
  readonly mac: Uint8Array;
  readonly kind: VirtioKind;
  readonly offered: FeatureSet;
  readonly queuePairs: number;
  readonly queueSize: number;
  readonly mtu: number;
  /** Undefined: the wire's. */
  readonly speed: number | undefined;
  readonly vectors: number;
  readonly accessPlatform: boolean;
  readonly checksums: ChecksumReport;
  readonly batchesUsed: boolean;
  readonly pollTime: number;
  readonly strict: boolean;
}

export const DEFAULT_VIRTIO_MAC = '02:00:00:1a:f4:01';

/** What every interface can negotiate, and what needs more than 32 bits of features. */
const LEGACY_FEATURES: readonly FeatureName[] = [
  'CSUM',
  'GUEST_CSUM',
  'MTU',
  'MAC',
  'MRG_RXBUF',
  'STATUS',
  'CTRL_VQ',
  'CTRL_RX',
  'CTRL_VLAN',
  'CTRL_RX_EXTRA',
  'GUEST_ANNOUNCE',
  'CTRL_MAC_ADDR',
  'ANY_LAYOUT',
  'EVENT_IDX',
];
const MODERN_FEATURES: readonly FeatureName[] = [
  'VERSION_1',
  'RING_PACKED',
  'IN_ORDER',
  'HASH_REPORT',
  'RSS',
  'SPEED_DUPLEX',
  'RING_RESET',
];

/** Everything that a device with these options can offer. */
function knownFeatures({ kind = 'transitional', queuePairs = 1, accessPlatform = false }: VirtioNetOptions) {
  const names = new Set<FeatureName>(LEGACY_FEATURES);
  if (queuePairs > 1) names.add('MQ');
  if (kind === 'legacy') return names;
  for (const name of MODERN_FEATURES) names.add(name);
  if (accessPlatform) names.add('ACCESS_PLATFORM').add('ORDER_PLATFORM');
  return names;
}

/** Throws `ERR_ARGUMENT`. */
export function checkVirtioNetOptions(options: VirtioNetOptions): VirtioNetSetup {
  const { kind = 'transitional', queuePairs = 1, queueSize = 256, mtu = 1500, speed } = options;
  const { vectors = 2 * queuePairs + 2 } = options;
  checkInteger('queue pairs', queuePairs, 1, 128);
  checkInteger('queue size', queueSize, 1, SPLIT_MAXIMUM_SIZE);
  if ((queueSize & (queueSize - 1)) !== 0) {
    throw new IxyError('ERR_ARGUMENT', `queue size must be a power of two, found ${queueSize}`);
  }
  checkInteger('MTU', mtu, 68, 65_535);
  if (speed !== undefined) checkInteger('speed in Mbit/s', speed, 0, 2 ** 31 - 1);
  checkInteger('MSI-X vectors', vectors, 0, 2048);
  return {
    mac: macBytes(options.mac ?? DEFAULT_VIRTIO_MAC),
    kind,
    offered: offeredFeatures(options),
    queuePairs,
    queueSize,
    mtu,
    speed,
    vectors,
    accessPlatform: options.accessPlatform ?? false,
    checksums: options.checksums ?? 'valid',
    batchesUsed: options.batchesUsed ?? false,
    pollTime: options.pollTime ?? 0,
    strict: options.strict ?? false,
  };
}

function offeredFeatures(options: VirtioNetOptions): FeatureSet {
  const known = knownFeatures(options);
  for (const name of [...(options.features ?? []), ...(options.without ?? [])]) {
    if (name in FEATURE) continue;
    throw new IxyError('ERR_ARGUMENT', `there is no virtio feature '${name}'`);
  }
  const unknown = options.features?.find((name) => !known.has(name));
  if (unknown) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `a device with these options cannot offer ${unknown}; it can: ${[...known].join(', ')}`,
    );
  }
  const names = new Set(options.features ?? known);
  for (const name of options.without ?? []) names.delete(name);
  // What was left out takes along what needs it, and so on.
  for (let before = -1; before !== names.size; ) {
    before = names.size;
    for (const name of names) {
      if (FEATURE_NEEDS[name]?.some((needed) => !names.has(needed))) names.delete(name);
    }
  }
  return featureSet(names);
}
