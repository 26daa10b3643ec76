/**
 * Feature bits (virtio 1.2, sections 5.1.3 and 6) and the device status field (2.1).
 *
 * There are more than 32 bits of them, so that a set of features is a pair of unsigned words; a feature is its bit number.
 */

/** Feature bits by name: those of network devices, then those of all devices. */
export const FEATURE = {
  CSUM: 0,
  GUEST_CSUM: 1,
  CTRL_GUEST_OFFLOADS: 2,
  MTU: 3,
  MAC: 5,
  GUEST_TSO4: 7,
  GUEST_TSO6: 8,
  GUEST_ECN: 9,
  GUEST_UFO: 10,
  HOST_TSO4: 11,
  HOST_TSO6: 12,
  HOST_ECN: 13,
  HOST_UFO: 14,
  MRG_RXBUF: 15,
  STATUS: 16,
  CTRL_VQ: 17,
  CTRL_RX: 18,
  CTRL_VLAN: 19,
  CTRL_RX_EXTRA: 20,
  GUEST_ANNOUNCE: 21,
  MQ: 22,
  CTRL_MAC_ADDR: 23,
  HASH_REPORT: 57,
  RSS: 60,
  SPEED_DUPLEX: 63,

  /** Legacy only: a header may share a descriptor with what follows it (2.7.4.3). */
  ANY_LAYOUT: 27,
  INDIRECT_DESC: 28,
  EVENT_IDX: 29,
  VERSION_1: 32,
  ACCESS_PLATFORM: 33,
  RING_PACKED: 34,
  IN_ORDER: 35,
  ORDER_PLATFORM: 36,
  NOTIFICATION_DATA: 38,
  RING_RESET: 40,
} as const;

export type FeatureName = keyof typeof FEATURE;

/** A set of features: bits 0 … 31 and 32 … 63, both unsigned. */
export interface FeatureSet {
  readonly low: number;
  readonly high: number;
}

/** Whether `set` contains the feature. */
export function hasFeature(set: FeatureSet, name: FeatureName): boolean {
  const bit = FEATURE[name];
  return (((bit < 32 ? set.low : set.high) >>> (bit & 31)) & 1) === 1;
}

/** The set of the features named. */
export function featureSet(names: Iterable<FeatureName>): FeatureSet {
  let low = 0;
  let high = 0;
  for (const name of names) {
    const bit = FEATURE[name];
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit & 31);
  }
  return { low: low >>> 0, high: high >>> 0 };
}

/** Names of the known features in `set`, in the order of their bits. */
export function featureNames(set: FeatureSet): FeatureName[] {
  const names = Object.keys(FEATURE) as FeatureName[];
  return names.filter((name) => hasFeature(set, name)).sort((a, b) => FEATURE[a] - FEATURE[b]);
}

/** What both sets contain. */
export function commonFeatures(a: FeatureSet, b: FeatureSet): FeatureSet {
  return { low: (a.low & b.low) >>> 0, high: (a.high & b.high) >>> 0 };
}

/**
 * What a feature needs beside it (5.1.3.1): the device must not offer it, nor the driver accept it, without.
 */
export const FEATURE_NEEDS: Readonly<Partial<Record<FeatureName, readonly FeatureName[]>>> = {
  GUEST_TSO4: ['GUEST_CSUM'],
  GUEST_TSO6: ['GUEST_CSUM'],
  GUEST_UFO: ['GUEST_CSUM'],
  HOST_TSO4: ['CSUM'],
  HOST_TSO6: ['CSUM'],
  HOST_UFO: ['CSUM'],
  CTRL_RX: ['CTRL_VQ'],
  CTRL_VLAN: ['CTRL_VQ'],
  CTRL_RX_EXTRA: ['CTRL_VQ'],
  GUEST_ANNOUNCE: ['CTRL_VQ'],
  MQ: ['CTRL_VQ'],
  CTRL_MAC_ADDR: ['CTRL_VQ'],
  CTRL_GUEST_OFFLOADS: ['CTRL_VQ'],
  RSS: ['CTRL_VQ'],
};

// Device status (2.1).
export const STATUS_ACKNOWLEDGE = 1;
export const STATUS_DRIVER = 2;
export const STATUS_DRIVER_OK = 4;
export const STATUS_FEATURES_OK = 8;
export const STATUS_NEEDS_RESET = 64;
export const STATUS_FAILED = 128;
