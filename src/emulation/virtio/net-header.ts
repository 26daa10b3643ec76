/** The header in front of every packet, as far as features decide about it (virtio 1.2, sections 5.1.6 and 2.7.4.3). */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import { NET_HEADER_BYTES, NET_HEADER_HASH_BYTES, NET_HEADER_LEGACY_BYTES } from '../../datasheet/virtio/net.ts';

/** Smallest frame that there is: an Ethernet header. */
export const SMALLEST_FRAME = 14;

/** Bytes in the header: the legacy one ends before num_buffers, and only one with hashes behind it. */
export function netHeaderBytes(features: FeatureSet): number {
  if (hasFeature(features, 'HASH_REPORT')) return NET_HEADER_HASH_BYTES;
  const withBuffers = hasFeature(features, 'VERSION_1') || hasFeature(features, 'MRG_RXBUF');
  return withBuffers ? NET_HEADER_BYTES : NET_HEADER_LEGACY_BYTES;
}

/** Whether descriptors may divide header and frame in any way. */
export function hasAnyLayout(features: FeatureSet): boolean {
  return hasFeature(features, 'VERSION_1') || hasFeature(features, 'ANY_LAYOUT');
}
