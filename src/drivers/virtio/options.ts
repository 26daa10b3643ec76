/** What a user may ask of a virtio-net device, checked. */
import { FEATURE, type FeatureName } from '../../datasheet/virtio/features.ts';
import { checkInteger, IxyError } from '../../errors.ts';
import { checkedByDefault } from '../../memory/checked-pool.ts';
import type { PacketPool } from '../../memory/packet-pool.ts';
import { knownOrNear } from '../../near-match.ts';
import { checkRingSize, checkType, withDefaults } from '../check-options.ts';
import { type Logger, silent } from '../logger.ts';
import type { AllocateMemory } from '../queue-memory.ts';
import { type RssOptions, resolveRss } from '../rss.ts';
import type { RingKind } from './queue-init.ts';
import { ANY_DEVICE } from './rss.ts';

/** What `openVirtio` is asked for. Values out of range throw `ERR_ARGUMENT`. */
export interface VirtioOptions {
  /** Gives at least `minimumBytes` of memory that `device.dma` can map; the driver frees it. */
  readonly allocateMemory: AllocateMemory;
  /** Receive and transmit queues: 1 … 256. They come in pairs: the device gets the larger number of both. Default 1. */
  readonly rxQueues?: number;
  readonly txQueues?: number;
  /**
   * Descriptors per queue: a power of two, 4 … 32768, default 512; as many as the device has if those are fewer. Legacy
   * devices say the number by themselves.
   */
  readonly rxRingSize?: number;
  readonly txRingSize?: number;
  /**
   * Payload bytes of the largest frame, 68 … 9500. Above 2026, frames arrive as chains of buffers, which takes MRG_RXBUF.
   * Default 1500, or what the device says if that is less.
   */
  readonly mtu?: number;
  /** Receive every frame, whoever it is for. Default false; devices without CTRL_RX always do. */
  readonly promiscuous?: boolean;
  /** Drop frames with a VLAN tag, but those of `addVlan`, where the device can (CTRL_VLAN). Default false. */
  readonly vlanFilter?: boolean;
  /**
   * How flows are spread over the receive queues (RSS, and for hashes HASH_REPORT); false: the device chooses, and usually lets
   * a flow come in by the pair that it was last sent by. Default: over all queues, where there are several and the device can.
   */
  readonly rss?: RssOptions | false;
  /** Where receive buffers come from; it stays the caller's. Default: a pool of the device's own, closed with it. */
  readonly pool?: PacketPool;
  /** Milliseconds between looks at the link and the device's health; 0: only `checkLink` looks. Default 500. */
  readonly linkPollInterval?: number;
  /** Use interrupts where the device has them: to wake loops that sleep, and to tell of the link. Default true. */
  readonly interrupts?: boolean;
  /** Check at every burst who owns which packet; costs speed. Default: whether IXY_CHECK is set to 1. */
  readonly checked?: boolean;
  /** Format of the rings. Default: packed if the device offers it, else split. */
  readonly ring?: RingKind;
  /** Let the device complete checksums of `requestChecksum` where it can, else the driver does. Default true. */
  readonly transmitChecksum?: boolean;
  /**
   * Let the device check the checksums of what is received, and say so in `pool.offloads`. Packets from the same machine may
   * then arrive with a partial one. Default false.
   */
  readonly receiveChecksum?: boolean;
  /** Use the legacy interface of a device that has both. Default false. */
  readonly legacy?: boolean;
  /** Features not to be used even if the device offers them, for tests and troubleshooting: ['EVENT_IDX']. */
  readonly without?: readonly FeatureName[];
  readonly logger?: Logger;
}

type Optional = 'pool' | 'mtu' | 'ring' | 'rss';

export type ResolvedOptions = Required<Omit<VirtioOptions, Optional>> & {
  readonly [name in Optional]: VirtioOptions[name] | undefined;
};

export const MAXIMUM_MTU = 9500;
const MAXIMUM_QUEUES = 256;
/** Every IPv4 link carries at least this much (RFC 791). */
export const MINIMUM_MTU = 68;
const MINIMUM_RING = 4;
const MAXIMUM_RING = 32_768;
const MAXIMUM_INTERVAL = 2 ** 31 - 1;
const SWITCHES = [
  'promiscuous',
  'vlanFilter',
  'interrupts',
  'checked',
  'transmitChecksum',
  'receiveChecksum',
  'legacy',
] as const;

const DEFAULTS: Omit<ResolvedOptions, 'allocateMemory' | 'checked'> = {
  rxQueues: 1,
  txQueues: 1,
  rxRingSize: 512,
  txRingSize: 512,
  mtu: undefined,
  promiscuous: false,
  vlanFilter: false,
  rss: undefined,
  pool: undefined,
  linkPollInterval: 500,
  interrupts: true,
  ring: undefined,
  transmitChecksum: true,
  receiveChecksum: false,
  legacy: false,
  without: [],
  logger: silent,
};

/** Fills in defaults. `address` begins every message. Throws `ERR_ARGUMENT`. */
export function resolveOptions(address: string, options: VirtioOptions): ResolvedOptions {
  const { allocateMemory } = options;
  const defaults: ResolvedOptions = { ...DEFAULTS, allocateMemory, checked: checkedByDefault() };
  const resolved = withDefaults(address, defaults, options);
  checkInteger(`${address}: rxQueues`, resolved.rxQueues, 1, MAXIMUM_QUEUES);
  checkInteger(`${address}: txQueues`, resolved.txQueues, 1, MAXIMUM_QUEUES);
  checkRingSize(`${address}: rxRingSize`, resolved.rxRingSize, MINIMUM_RING, MAXIMUM_RING);
  checkRingSize(`${address}: txRingSize`, resolved.txRingSize, MINIMUM_RING, MAXIMUM_RING);
  checkInteger(`${address}: linkPollInterval`, resolved.linkPollInterval, 0, MAXIMUM_INTERVAL);
  if (resolved.mtu !== undefined) checkInteger(`${address}: mtu`, resolved.mtu, MINIMUM_MTU, MAXIMUM_MTU);
  for (const name of SWITCHES) checkType(`${address}: ${name}`, resolved[name], 'boolean');
  checkType(`${address}: allocateMemory`, resolved.allocateMemory, 'function');
  checkRing(address, resolved.ring);
  checkFeatures(address, resolved.without);
  const queues = Math.max(resolved.rxQueues, resolved.txQueues);
  if (resolved.rss) resolveRss(address, resolved.rss, { ...ANY_DEVICE, queues });
  return resolved;
}

function checkRing(address: string, ring: string | undefined): void {
  if (ring === undefined || ring === 'split' || ring === 'packed') return;
  throw new IxyError('ERR_ARGUMENT', `${address}: ring must be 'split' or 'packed', found '${ring}'`);
}

function checkFeatures(address: string, names: readonly string[]): void {
  const known = Object.keys(FEATURE);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const hint = knownOrNear(unknown, known);
  throw new IxyError('ERR_ARGUMENT', `${address}: without: unknown feature '${unknown}'; ${hint}`);
}
