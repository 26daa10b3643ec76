/**
 * Receive side scaling and hash reports (virtio 1.2, sections 5.1.6.4.3 and 5.1.6.5.7): the device hashes addresses and ports,
 * looks the queue up in a table that the driver sends, and may write the hash to packets' headers.
 */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import {
  HASH_TYPE_IPV4,
  HASH_TYPE_IPV6,
  HASH_TYPE_TCPV4,
  HASH_TYPE_TCPV6,
  HASH_TYPE_UDPV4,
  HASH_TYPE_UDPV6,
  NET_CONFIG,
} from '../../datasheet/virtio/net.ts';
import { IxyError } from '../../errors.ts';
import { RSS_FIELDS, type RssField } from '../../packets/rss.ts';
import { RSS_KEY_BYTES } from '../../packets/toeplitz.ts';
import { type RssLimits, type RssOptions, type RssState, requireRss, resolveRss } from '../rss.ts';
import type { ControlQueue } from './control/queue.ts';
import type { VirtioTransport } from './transport.ts';

/** Entries of tables, if the device takes as many. */
const ENTRIES = 128;
const HASH_CONFIG_RESERVED = 8;
/** What the options are checked against before anything is known of the device. */
export const ANY_DEVICE: Omit<RssLimits, 'queues'> = { fields: RSS_FIELDS, entries: ENTRIES };

const TYPES: Readonly<Record<RssField, number>> = {
  ipv4: HASH_TYPE_IPV4,
  tcp4: HASH_TYPE_TCPV4,
  udp4: HASH_TYPE_UDPV4,
  ipv6: HASH_TYPE_IPV6,
  tcp6: HASH_TYPE_TCPV6,
  udp6: HASH_TYPE_UDPV6,
};

export class VirtioRss {
  readonly #address: string;
  readonly #control: ControlQueue;
  /** Whether the device goes by a table; else it has one queue, and only reports. */
  readonly #steers: boolean;
  readonly #pairs: number;
  readonly #limits: RssLimits;
  #state: RssState | undefined;

  /** With RSS or HASH_REPORT agreed on. Throws `ERR_DEVICE_UNSUPPORTED` for a device that can do next to nothing. */
  constructor(transport: VirtioTransport, features: FeatureSet, control: ControlQueue, pairs: number) {
    this.#address = transport.address;
    this.#control = control;
    this.#steers = hasFeature(features, 'RSS');
    this.#pairs = pairs;
    this.#limits = readLimits(transport, this.#steers, pairs);
  }

  /** Undefined before the first `configure`. */
  get state(): RssState | undefined {
    return this.#state;
  }

  /** For the first time. Throws `ERR_ARGUMENT`, and what `ControlQueue.send` throws. */
  configure(options: RssOptions): void {
    this.#apply(resolveRss(this.#address, options, this.#limits));
  }

  /** Changes what was configured. Throws as `configure`; then what was set stays. */
  change(options: RssOptions): void {
    this.#apply(resolveRss(this.#address, options, this.#limits, requireRss(this.#address, this.#state)));
  }

  #apply(state: RssState): void {
    const types = state.fields.reduce((all, field) => all | TYPES[field], 0);
    const key = [state.key.length, ...state.key];
    if (this.#steers) {
      const places = [state.table.length - 1, 0, ...state.table, this.#pairs].flatMap(littleEndian16);
      this.#control.send('RSS_CONFIG', Uint8Array.of(types, 0, 0, 0, ...places, ...key));
    } else {
      const nothing = new Array<number>(HASH_CONFIG_RESERVED).fill(0);
      this.#control.send('HASH_CONFIG', Uint8Array.of(types, 0, 0, 0, ...nothing, ...key));
    }
    this.#state = state;
  }
}

function readLimits(transport: VirtioTransport, steers: boolean, pairs: number): RssLimits {
  const types = transport.readConfig(NET_CONFIG.SUPPORTED_HASH_TYPES, 4);
  const keyBytes = transport.readConfig(NET_CONFIG.RSS_MAX_KEY_SIZE, 1);
  const entries = steers ? transport.readConfig(NET_CONFIG.RSS_MAX_TABLE_LENGTH, 2) : 1;
  if (keyBytes < RSS_KEY_BYTES || entries < 1) {
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${transport.address}: to spread flows takes a key of ${RSS_KEY_BYTES} bytes and a table, the device has room for ` +
        `${keyBytes} bytes and ${entries} entries`,
    );
  }
  return {
    queues: pairs,
    fields: RSS_FIELDS.filter((field) => (types & TYPES[field]) !== 0),
    entries: 2 ** Math.floor(Math.log2(Math.min(entries, ENTRIES))),
  };
}

function littleEndian16(value: number): number[] {
  return [value & 0xff, value >>> 8];
}
