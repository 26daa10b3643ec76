/**
 * Which features the driver asks for: all that help, of those that the device offers. Nothing is required of a device but
 * what the user insists on.
 */
import {
  commonFeatures,
  FEATURE,
  FEATURE_NEEDS,
  type FeatureName,
  type FeatureSet,
  featureNames,
  featureSet,
  hasFeature,
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_FEATURES_OK,
} from '../../datasheet/virtio/features.ts';
import { NET_HEADER_BYTES, NET_HEADER_HASH_BYTES, NET_HEADER_LEGACY_BYTES } from '../../datasheet/virtio/net.ts';
import { IxyError } from '../../errors.ts';
import type { RssOptions } from '../rss.ts';
import type { RingFeatures, RingKind } from './queue-init.ts';
import type { VirtioTransport } from './transport.ts';

/** What the user asked for, as far as features decide it. */
interface Wishes {
  /** Undefined: packed rings if the device has them, which few do unless told to. They are one ring instead of three. */
  readonly ring: RingKind | undefined;
  /** Queue pairs. */
  readonly pairs: number;
  /** Frames may be longer than a buffer. Otherwise MRG_RXBUF only costs a look at each packet's header. */
  readonly mergeable: boolean;
  /** Accept the device's own limit of what may be sent, which binds the driver's buffers as well. */
  readonly mtu: boolean;
  readonly transmitChecksum: boolean;
  readonly receiveChecksum: boolean;
  readonly vlanFilter: boolean;
  /** How the user wants flows spread over queues; undefined: over all of them, if the device can. */
  readonly rss: RssOptions | false | undefined;
  /** Features that are not to be used, for tests and troubleshooting. */
  readonly without: readonly FeatureName[];
}

/** What the device cannot be addressed rightly without, where it offers them (6.1). */
const PLATFORM: readonly FeatureName[] = ['VERSION_1', 'ACCESS_PLATFORM', 'ORDER_PLATFORM'];

/** What helps in any case. */
const ALWAYS: readonly FeatureName[] = [
  ...PLATFORM,
  'ANY_LAYOUT',
  'MAC',
  'STATUS',
  'SPEED_DUPLEX',
  'CTRL_VQ',
  'CTRL_RX',
  'CTRL_MAC_ADDR',
  'GUEST_ANNOUNCE',
  'IN_ORDER',
  'RING_RESET',
];

/** Beyond FEATURE_NEEDS: commands of the MAC class take CTRL_RX (5.1.6.5.2), and an announcement is told by STATUS (5.1.4). */
const NEEDS: Readonly<Partial<Record<FeatureName, readonly FeatureName[]>>> = {
  ...FEATURE_NEEDS,
  CTRL_MAC_ADDR: ['CTRL_VQ', 'CTRL_RX'],
  GUEST_ANNOUNCE: ['CTRL_VQ', 'STATUS'],
  HASH_REPORT: ['CTRL_VQ'],
};

function isAsked({ rss }: Wishes): boolean {
  return rss !== undefined && rss !== false;
}

function wantsHash({ rss }: Wishes): boolean {
  return rss !== undefined && rss !== false && rss.hash === true;
}

/** The features to accept of those offered. */
export function chooseFeatures(offered: FeatureSet, wishes: Wishes): FeatureSet {
  const mayHave = (name: FeatureName): boolean => hasFeature(offered, name) && !wishes.without.includes(name);
  const shared = mayHave('VERSION_1') || mayHave('ANY_LAYOUT');
  const packed = wishes.ring !== 'split' && mayHave('RING_PACKED');
  const optional: readonly (readonly [FeatureName, boolean])[] = [
    ['MTU', wishes.mtu],
    // A device with fewer buffers left than the next frame takes has to wait for more, but some name an index that has been
    // passed already, and are never notified (QEMU 7.2 with packed rings). A flag cannot be misunderstood.
    ['EVENT_IDX', !(wishes.mergeable && packed)],
    ['MQ', wishes.pairs > 1],
    ['RING_PACKED', packed],
    ['RSS', wishes.rss !== false && (wishes.pairs > 1 || wishes.rss !== undefined)],
    ['HASH_REPORT', wantsHash(wishes)],
    ['CTRL_VLAN', wishes.vlanFilter],
    // Where a header must be in a descriptor of its own, it is the driver's one header for all packets.
    ['MRG_RXBUF', wishes.mergeable && shared],
    ['CSUM', wishes.transmitChecksum && shared],
    ['GUEST_CSUM', wishes.receiveChecksum && shared],
  ];
  const wanted = [...ALWAYS, ...optional.filter(([, wish]) => wish).map(([name]) => name)];
  const allowed = wanted.filter((name) => !wishes.without.includes(name));
  return withNeeds(commonFeatures(offered, featureSet(allowed)));
}

/** Leaves out what lacks something that it needs. All that came with virtio 1.0 or later needs VERSION_1 (6.1). */
function withNeeds(features: FeatureSet): FeatureSet {
  const names = featureNames(features);
  const needs = (name: FeatureName): readonly FeatureName[] =>
    FEATURE[name] > FEATURE.VERSION_1 ? ['VERSION_1', ...(NEEDS[name] ?? [])] : (NEEDS[name] ?? []);
  const complete = names.filter((name) => needs(name).every((need) => names.includes(need)));
  return complete.length === names.length ? features : withNeeds(featureSet(complete));
}

/** Resets the device and notices it (3.1.1, steps 1 to 3); what it offers. Throws `ERR_TIMEOUT`, `ERR_DEVICE_GONE`. */
export async function greet(transport: VirtioTransport): Promise<FeatureSet> {
  await transport.reset();
  transport.addStatus(STATUS_ACKNOWLEDGE);
  transport.addStatus(STATUS_DRIVER);
  return transport.deviceFeatures();
}

/**
 * Agrees with the device on features, after `greet` (3.1.1, steps 4 to 6), if need be on the least. Throws
 * `ERR_DEVICE_UNSUPPORTED` if it refuses that too, or lacks what the user insists on; and what `greet` throws.
 */
export async function negotiate(transport: VirtioTransport, offered: FeatureSet, wishes: Wishes): Promise<FeatureSet> {
  const best = chooseFeatures(offered, wishes);
  if (propose(transport, best)) return granted(transport, best, wishes);
  const least = commonFeatures(await greet(transport), commonFeatures(best, featureSet(PLATFORM)));
  if (propose(transport, least)) return granted(transport, least, wishes);
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${transport.address}: the device refuses the features ${shown(best)}, and also ${shown(least)} alone`,
  );
}

/** Whether the device agrees; legacy ones are not asked. */
function propose(transport: VirtioTransport, features: FeatureSet): boolean {
  transport.acceptFeatures(features);
  if (transport.kind === 'legacy') return true;
  transport.addStatus(STATUS_FEATURES_OK);
  return (transport.readStatus() & STATUS_FEATURES_OK) !== 0;
}

/** `features`, if they hold what the user insists on. */
function granted({ address, kind }: VirtioTransport, features: FeatureSet, wishes: Wishes): FeatureSet {
  const demands: readonly (readonly [boolean, FeatureName, string])[] = [
    // Devices must offer it, drivers accept it (6.1, 6.2); without, nothing says how the interface looks.
    [kind === 'modern', 'VERSION_1', 'the modern interface (a transitional device has another one: legacy: true)'],
    [wishes.ring === 'packed', 'RING_PACKED', "ring: 'packed'"],
    [wishes.pairs > 1 && !hasFeature(features, 'RSS'), 'MQ', 'more than one queue each way'],
    [wishes.pairs > 1 && isAsked(wishes), 'RSS', 'the option rss'],
    [wantsHash(wishes), 'HASH_REPORT', 'the option rss.hash'],
    [wishes.mergeable, 'MRG_RXBUF', 'frames longer than a buffer of 2048 bytes (lower the mtu)'],
  ];
  for (const [demanded, name, what] of demands) {
    if (!demanded || hasFeature(features, name)) continue;
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${address}: ${what} takes the feature ${name}, which the device does not offer, or which was switched off; ` +
        `agreed on: ${shown(features)}`,
    );
  }
  return features;
}

/** What rings and packets need to know of it. */
export function ringFeatures(features: FeatureSet): RingFeatures {
  const has = (name: FeatureName): boolean => hasFeature(features, name);
  const modern = has('VERSION_1');
  return {
    inOrder: has('IN_ORDER'),
    eventIndex: has('EVENT_IDX'),
    mergeable: has('MRG_RXBUF'),
    receiveChecksum: has('GUEST_CSUM'),
    transmitChecksum: has('CSUM'),
    hashReport: has('HASH_REPORT'),
    headerBytes: headerBytes(features),
    separateHeader: !modern && !has('ANY_LAYOUT'),
  };
}

function headerBytes(features: FeatureSet): RingFeatures['headerBytes'] {
  if (hasFeature(features, 'HASH_REPORT')) return NET_HEADER_HASH_BYTES;
  const modern = hasFeature(features, 'VERSION_1') || hasFeature(features, 'MRG_RXBUF');
  return modern ? NET_HEADER_BYTES : NET_HEADER_LEGACY_BYTES;
}

export function ringKind(features: FeatureSet): RingKind {
  return hasFeature(features, 'RING_PACKED') ? 'packed' : 'split';
}

function shown(features: FeatureSet): string {
  return featureNames(features).join(', ') || 'none';
}
