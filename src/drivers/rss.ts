/** Receive side scaling as users ask for it, whatever the NIC. */
import { checkInteger, IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';
import { RSS_FIELDS, type RssField, type RssSteering } from '../packets/rss.ts';
import { RSS_KEY_BYTES, RSS_KEY_NAMES, type RssKeyName, rssKey } from '../packets/toeplitz.ts';
import { checkType, withDefaults } from './check-options.ts';

/** How flows are spread over receive queues. What is not given stays as it is or, when a port is opened, has its default. */
export interface RssOptions {
  /**
   * The queues to spread over: the first so many, or these by number, of which one that comes twice gets twice as many
   * flows. What has no hash goes to queue 0 all the same. Default: all that the NIC can spread over.
   */
  readonly queues?: number | readonly number[];
  /** A known key by its name, or 40 bytes. 'symmetric' brings both directions of a flow to one queue. Default 'microsoft'. */
  readonly key?: RssKeyName | Uint8Array;
  /**
   * What is hashed; default: all that the NIC can. Of a datagram in fragments only addresses are hashed, so that it may
   * overtake others of its flow: leave 'udp4' and 'udp6' out where their order matters.
   */
  readonly fields?: readonly RssField[];
  /**
   * Whether received packets' hashes are written to `pool.rssHash`. Only for opening: it decides which burst functions the
   * queues get. Default false.
   */
  readonly hash?: boolean;
}

/** How flows are spread now: what `rssHash` and `rssQueueOf` take to predict it. */
export interface RssState extends RssSteering {
  /** As asked for, by number. */
  readonly queues: readonly number[];
  readonly table: readonly number[];
  /** Whether received packets' hashes are written to `pool.rssHash`. */
  readonly hash: boolean;
}

/** What a NIC can do. */
export interface RssLimits {
  /** Queues to spread over, from 0 on. */
  readonly queues: number;
  readonly fields: readonly RssField[];
  /** Entries of its table: a power of two. */
  readonly entries: number;
}

/**
 * What `options` come to, over `before` or the defaults. `owner` begins every message. Throws `ERR_ARGUMENT`, and
 * `ERR_DEVICE_UNSUPPORTED` for fields that the NIC does not hash.
 */
export function resolveRss(owner: string, options: RssOptions, limits: RssLimits, before?: RssState): RssState {
  const defaults: Required<RssOptions> = {
    queues: limits.queues,
    key: 'microsoft',
    fields: limits.fields,
    hash: false,
  };
  const now = before && { queues: before.queues, key: before.key, fields: before.fields, hash: before.hash };
  const { queues, key, fields, hash } = withDefaults(`${owner}: rss`, now ?? defaults, options);
  checkType(`${owner}: rss.hash`, hash, 'boolean');
  if (before && hash !== before.hash) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `${owner}: rss.hash is chosen when a port is opened, and is ${before.hash} here`,
    );
  }
  const chosen = queueNumbers(`${owner}: rss.queues`, queues, limits);
  return {
    queues: chosen,
    key: keyBytes(`${owner}: rss.key`, key),
    fields: knownFields(`${owner}: rss.fields`, fields, limits),
    table: Array.from({ length: limits.entries }, (_, i) => chosen[i % chosen.length]),
    hash,
  };
}

/** `rss`, or `ERR_ARGUMENT` if it is off. */
export function requireRss(owner: string, rss: RssState | undefined): RssState {
  if (rss) return rss;
  throw new IxyError(
    'ERR_ARGUMENT',
    `${owner}: flows are not spread over queues here; open the port with several rxQueues, or with the option rss`,
  );
}

function queueNumbers(what: string, queues: number | readonly number[], limits: RssLimits): readonly number[] {
  if (typeof queues === 'number') {
    checkInteger(what, queues, 1, limits.queues);
    return Array.from({ length: queues }, (_, queue) => queue);
  }
  if (!Array.isArray(queues)) throw mustBe(what, 'a number of queues, or a list of them', queues);
  checkInteger(`${what}.length`, queues.length, 1, limits.entries);
  for (const [i, queue] of queues.entries()) checkInteger(`${what}[${i}]`, queue, 0, limits.queues - 1);
  return [...queues];
}

function keyBytes(what: string, key: RssKeyName | Uint8Array): Uint8Array {
  if (typeof key === 'string') {
    if (RSS_KEY_NAMES.includes(key)) return rssKey(key);
    throw new IxyError('ERR_ARGUMENT', `${what}: unknown key '${key}'; ${knownOrNear(key, RSS_KEY_NAMES)}`);
  }
  if (!(key instanceof Uint8Array)) throw mustBe(what, `${RSS_KEY_BYTES} bytes, or a key's name`, key);
  if (key.length !== RSS_KEY_BYTES) throw mustBe(what, `${RSS_KEY_BYTES} bytes long`, key.length);
  return key.slice();
}

/** In their usual order, each once. */
function knownFields(what: string, fields: readonly RssField[], limits: RssLimits): readonly RssField[] {
  if (!Array.isArray(fields)) throw mustBe(what, 'a list', fields);
  for (const field of fields) {
    if (!RSS_FIELDS.includes(field)) {
      throw new IxyError(
        'ERR_ARGUMENT',
        `${what}: unknown field '${field}'; ${knownOrNear(String(field), RSS_FIELDS)}`,
      );
    }
    if (!limits.fields.includes(field)) {
      const able = limits.fields.join(', ') || 'nothing';
      throw new IxyError('ERR_DEVICE_UNSUPPORTED', `${what}: the device does not hash '${field}'; it can: ${able}`);
    }
  }
  return RSS_FIELDS.filter((field) => fields.includes(field));
}

function mustBe(what: string, expected: string, found: unknown): IxyError {
  return new IxyError('ERR_ARGUMENT', `${what} must be ${expected}, found ${String(found)}`);
}
