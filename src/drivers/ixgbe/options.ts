/** What a user may ask of an ixgbe device, checked. */
import type { IxgbeMac } from '../../datasheet/ixgbe/devices.ts';
import { checkInteger, IxyError } from '../../errors.ts';
import { checkedByDefault } from '../../memory/checked-pool.ts';
import type { PacketPool } from '../../memory/packet-pool.ts';
import { checkRingSize, checkType, withDefaults } from '../check-options.ts';
import { type Logger, silent } from '../logger.ts';
import type { AllocateMemory } from '../queue-memory.ts';
import { type RssOptions, type RssState, resolveRss } from '../rss.ts';
import { rssLimits } from './rss.ts';

/** What `openIxgbe` is asked for. Values out of range throw `ERR_ARGUMENT`. */
export interface IxgbeOptions {
  /** Gives at least `minimumBytes` of memory that `device.dma` can map; the driver frees it. */
  readonly allocateMemory: AllocateMemory;
  /** Receive queues: 1 … 64. Default 1. */
  readonly rxQueues?: number;
  /** Transmit queues: 1 … 64. Default 1. */
  readonly txQueues?: number;
  /** Descriptors per receive queue: a power of two, 64 … 4096. Default 512. */
  readonly rxRingSize?: number;
  /** Descriptors per transmit queue: a power of two, 64 … 4096. Default 512. */
  readonly txRingSize?: number;
  /**
   * How flows are spread over the receive queues; false: everything goes to queue 0. At most the first 16 queues get any.
   * Default: over all of them, where there are several.
   */
  readonly rss?: RssOptions | false;
  /** Payload bytes of the largest frame, 68 … 9500. Above 2026, frames may arrive as chains of buffers. Default 1500. */
  readonly mtu?: number;
  /** Receive every frame, whoever it is for. Default false. */
  readonly promiscuous?: boolean;
  /** Where receive buffers come from; it stays the caller's. Default: a pool of the device's own, closed with it. */
  readonly pool?: PacketPool;
  /** Milliseconds between looks at the link of a device without interrupts; 0: only `checkLink` looks. Default 500. */
  readonly linkPollInterval?: number;
  /** Use interrupts where the device has them: to wake loops that sleep, and to tell of the link. Default true. */
  readonly interrupts?: boolean;
  /** Microseconds between two interrupts of a queue at the least, even, 0 … 1022. Default 20. */
  readonly interruptThrottle?: number;
  /** Check at every burst who owns which packet; costs speed. Default: whether IXY_CHECK is set to 1. */
  readonly checked?: boolean;
  readonly logger?: Logger;
}

interface GivenOptions extends Required<Omit<IxgbeOptions, 'pool' | 'rss'>> {
  readonly pool: PacketPool | undefined;
  readonly rss: RssOptions | false | undefined;
}

export interface ResolvedOptions extends Omit<GivenOptions, 'rss'> {
  /** Undefined: off. */
  readonly rss: RssState | undefined;
}

export const MAXIMUM_QUEUES = 64;
export const MAXIMUM_MTU = 9500;
/** Every IPv4 link carries at least this much (RFC 791). */
const MINIMUM_MTU = 68;
const MINIMUM_RING = 64;
const MAXIMUM_RING = 4096;
const MAXIMUM_INTERVAL = 2 ** 31 - 1;
/** EITR counts 2 µs in 9 bits (8.2.3.5.12). */
const MAXIMUM_THROTTLE = 1022;

const DEFAULTS: Omit<GivenOptions, 'allocateMemory' | 'checked'> = {
  rxQueues: 1,
  txQueues: 1,
  rxRingSize: 512,
  txRingSize: 512,
  rss: undefined,
  mtu: 1500,
  promiscuous: false,
  pool: undefined,
  linkPollInterval: 500,
  interrupts: true,
  interruptThrottle: 20,
  logger: silent,
};

/** Fills in defaults, for a device of this kind. `address` begins every message. Throws `ERR_ARGUMENT`. */
export function resolveOptions(address: string, mac: IxgbeMac, options: IxgbeOptions): ResolvedOptions {
  const { allocateMemory } = options;
  const resolved = withDefaults(address, { ...DEFAULTS, allocateMemory, checked: checkedByDefault() }, options);
  checkInteger(`${address}: rxQueues`, resolved.rxQueues, 1, MAXIMUM_QUEUES);
  checkInteger(`${address}: txQueues`, resolved.txQueues, 1, MAXIMUM_QUEUES);
  checkRingSize(`${address}: rxRingSize`, resolved.rxRingSize, MINIMUM_RING, MAXIMUM_RING);
  checkRingSize(`${address}: txRingSize`, resolved.txRingSize, MINIMUM_RING, MAXIMUM_RING);
  checkInteger(`${address}: mtu`, resolved.mtu, MINIMUM_MTU, MAXIMUM_MTU);
  checkInteger(`${address}: linkPollInterval`, resolved.linkPollInterval, 0, MAXIMUM_INTERVAL);
  checkInteger(`${address}: interruptThrottle`, resolved.interruptThrottle, 0, MAXIMUM_THROTTLE);
  if (resolved.interruptThrottle % 2 !== 0) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `${address}: interruptThrottle must be even, found ${resolved.interruptThrottle}`,
    );
  }
  checkType(`${address}: interrupts`, resolved.interrupts, 'boolean');
  checkType(`${address}: promiscuous`, resolved.promiscuous, 'boolean');
  checkType(`${address}: checked`, resolved.checked, 'boolean');
  checkType(`${address}: allocateMemory`, resolved.allocateMemory, 'function');
  const { rss = resolved.rxQueues > 1 ? {} : false } = resolved;
  const limits = rssLimits(mac, resolved.rxQueues);
  return { ...resolved, rss: rss ? resolveRss(address, rss, limits) : undefined };
}
