/** What the device's configuration says (virtio 1.2, section 5.1.4), as far as features make it valid. */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import {
  DUPLEX_FULL,
  MAXIMUM_QUEUE_PAIRS,
  NET_CONFIG,
  NET_STATUS_ANNOUNCE,
  NET_STATUS_LINK_UP,
} from '../../datasheet/virtio/net.ts';
import { formatMac, readMac } from '../../packets/addresses.ts';
import { LINK_DOWN } from '../link.ts';
import type { LinkState } from '../net-device.ts';
import { isStationAddress } from '../station-address.ts';
import { MINIMUM_MTU } from './options.ts';
import type { VirtioTransport } from './transport.ts';

const MAC_BYTES = 6;
/** Greater speeds, and duplex other than 0 or 1, are unknown (5.1.4.2). */
const LARGEST_SPEED = 0x7fff_ffff;

/** The station's address; undefined if the device has none, or one that no station may have. */
export function readStationAddress(transport: VirtioTransport, features: FeatureSet): string | undefined {
  if (!hasFeature(features, 'MAC')) return undefined;
  const mac = formatMac(readMac(transport.readConfigBytes(NET_CONFIG.MAC, MAC_BYTES), 0));
  return isStationAddress(mac) ? mac : undefined;
}

/** Queue pairs that the device has, 1 … 32768, if `features`, offered or negotiated, say so; else one. */
export function readQueuePairs(transport: VirtioTransport, features: FeatureSet): number {
  if (!hasFeature(features, 'MQ') && !hasFeature(features, 'RSS')) return 1;
  return Math.min(Math.max(transport.readConfig(NET_CONFIG.MAX_QUEUE_PAIRS, 2), 1), MAXIMUM_QUEUE_PAIRS);
}

/** The largest MTU that the device accepts; undefined if it does not say, or says less than any may (5.1.4.1). */
export function readMaximumMtu(transport: VirtioTransport, features: FeatureSet): number | undefined {
  const mtu = hasFeature(features, 'MTU') ? transport.readConfig(NET_CONFIG.MTU, 2) : 0;
  return mtu >= MINIMUM_MTU ? mtu : undefined;
}

/** Up where the device has no word on it; speed 0 where it is unknown. */
export function readLink(transport: VirtioTransport, features: FeatureSet): LinkState {
  const status = readNetStatus(transport, features);
  if ((status & NET_STATUS_LINK_UP) === 0) return LINK_DOWN;
  if (!hasFeature(features, 'SPEED_DUPLEX')) return { up: true, speed: 0, fullDuplex: true };
  const speed = transport.readConfig(NET_CONFIG.SPEED, 4);
  const duplex = transport.readConfig(NET_CONFIG.DUPLEX, 1);
  return { up: true, speed: speed > LARGEST_SPEED ? 0 : speed, fullDuplex: duplex === DUPLEX_FULL || duplex > 1 };
}

/** Whether the device wants the network to be told where its station is now (5.1.6.5.4). */
export function wantsAnnouncement(transport: VirtioTransport, features: FeatureSet): boolean {
  if (!hasFeature(features, 'GUEST_ANNOUNCE')) return false;
  return (readNetStatus(transport, features) & NET_STATUS_ANNOUNCE) !== 0;
}

function readNetStatus(transport: VirtioTransport, features: FeatureSet): number {
  return hasFeature(features, 'STATUS') ? transport.readConfig(NET_CONFIG.STATUS, 2) : NET_STATUS_LINK_UP;
}

/** Fields of the configuration by name, for people. */
export function netRegisters(transport: VirtioTransport, features: FeatureSet): Record<string, number> {
  const fields = [
    ['STATUS', 'STATUS', 2],
    ['MQ', 'MAX_QUEUE_PAIRS', 2],
    ['MTU', 'MTU', 2],
    ['SPEED_DUPLEX', 'SPEED', 4],
    ['SPEED_DUPLEX', 'DUPLEX', 1],
    ['RSS', 'RSS_MAX_TABLE_LENGTH', 2],
    ['RSS', 'SUPPORTED_HASH_TYPES', 4],
  ] as const;
  const mac = hasFeature(features, 'MAC') ? transport.readConfigBytes(NET_CONFIG.MAC, MAC_BYTES) : [];
  const values = Object.fromEntries(Array.from(mac, (byte, i) => [`MAC[${i}]`, byte]));
  for (const [feature, name, bytes] of fields) {
    if (hasFeature(features, feature)) values[name] = transport.readConfig(NET_CONFIG[name], bytes);
  }
  return values;
}
