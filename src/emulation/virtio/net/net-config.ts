/** The device's own configuration (virtio 1.2, sections 2.5 and 5.1.4), behind both interfaces. */
import { type FeatureName, hasFeature } from '../../../datasheet/virtio/features.ts';
import { DUPLEX_FULL, NET_CONFIG, NET_CONFIG_BYTES, SPEED_UNKNOWN } from '../../../datasheet/virtio/net.ts';
import type { AccessBytes } from '../../device-model.ts';
import type { VirtioContext } from '../context.ts';
import { FieldSpace, type FieldWatcher, type RegisterField } from '../pci/field-space.ts';
import { RSS_TABLE_ENTRIES } from './hash-commands.ts';
import { HASH_KEY_BYTES, HASH_TYPES } from './packet-hash.ts';

const MAC_BYTES = 6;
const DUPLEX_UNKNOWN = 0xff;

interface ConfigField {
  readonly name: string;
  readonly offset: number;
  readonly bytes: AccessBytes;
  /** Features any of which brings the field; none: it is always there. */
  readonly features: readonly FeatureName[];
}

const FIELDS: readonly ConfigField[] = [
  ...Array.from({ length: MAC_BYTES }, (_, i) => field('mac', NET_CONFIG.MAC + i, 1)),
  field('status', NET_CONFIG.STATUS, 2, 'STATUS'),
  field('max_virtqueue_pairs', NET_CONFIG.MAX_QUEUE_PAIRS, 2, 'MQ', 'RSS'),
  field('mtu', NET_CONFIG.MTU, 2, 'MTU'),
  field('speed', NET_CONFIG.SPEED, 4, 'SPEED_DUPLEX'),
  field('duplex', NET_CONFIG.DUPLEX, 1, 'SPEED_DUPLEX'),
  field('rss_max_key_size', NET_CONFIG.RSS_MAX_KEY_SIZE, 1, 'RSS', 'HASH_REPORT'),
  field('rss_max_indirection_table_length', NET_CONFIG.RSS_MAX_TABLE_LENGTH, 2, 'RSS'),
  field('supported_hash_types', NET_CONFIG.SUPPORTED_HASH_TYPES, 4, 'RSS', 'HASH_REPORT'),
];

function field(name: string, offset: number, bytes: AccessBytes, ...features: FeatureName[]): ConfigField {
  return { name, offset, bytes, features };
}

export class NetConfig {
  /** The modern interface to it. */
  readonly registers: FieldSpace;
  /** Called when a legacy driver has written the last byte of the MAC address. */
  onMac: (mac: Uint8Array) => void = () => {};
  readonly #context: VirtioContext;
  readonly #bytes = new Uint8Array(NET_CONFIG_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #generation = 0;
  /** It has changed since the driver last read of it. */
  #changed = false;

  constructor(context: VirtioContext, watcher: FieldWatcher) {
    this.#context = context;
    const { judge } = context;
    this.registers = new FieldSpace(
      FIELDS.map((spec): RegisterField => ({ ...spec, read: () => this.#readField(spec) })),
      { ...watcher, readOnlyWritten: (register) => judge.record('config.written', { register }) },
    );
    this.reset();
  }

  /** Changes when the driver may have read parts of two different contents. */
  get generation(): number {
    return this.#generation;
  }

  /** As after a reset; what the link is like stays. */
  reset(): void {
    const { mac, queuePairs, mtu } = this.#context.setup;
    this.setMac(mac);
    this.#put(['MQ', 'RSS'], () => this.#view.setUint16(NET_CONFIG.MAX_QUEUE_PAIRS, queuePairs, true));
    this.#put(['MTU'], () => this.#view.setUint16(NET_CONFIG.MTU, mtu, true));
    this.#put(['RSS', 'HASH_REPORT'], () => {
      this.#view.setUint8(NET_CONFIG.RSS_MAX_KEY_SIZE, HASH_KEY_BYTES);
      this.#view.setUint32(NET_CONFIG.SUPPORTED_HASH_TYPES, HASH_TYPES, true);
    });
    this.#put(['RSS'], () => this.#view.setUint16(NET_CONFIG.RSS_MAX_TABLE_LENGTH, RSS_TABLE_ENTRIES, true));
  }

  setMac(mac: Uint8Array): void {
    this.#put(['MAC'], () => this.#bytes.set(mac, NET_CONFIG.MAC));
  }

  /** `status`: bits of NET_STATUS; `speed`: Mbit/s, 0 if unknown. */
  setLink(status: number, speed: number): void {
    this.#put(['STATUS'], () => this.#view.setUint16(NET_CONFIG.STATUS, status, true));
    this.#put(['SPEED_DUPLEX'], () => {
      this.#view.setUint32(NET_CONFIG.SPEED, speed || SPEED_UNKNOWN, true);
      this.#view.setUint8(NET_CONFIG.DUPLEX, speed > 0 ? DUPLEX_FULL : DUPLEX_UNKNOWN);
    });
  }

  /** The legacy interface: accesses as wide as the driver likes (4.1.4.10). */
  readLegacy(offset: number, bytes: AccessBytes): number {
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) {
      this.#noteMissing(this.#fieldAt(offset + i));
      value = value * 256 + (this.#bytes[offset + i] ?? 0);
    }
    this.#touch();
    return value;
  }

  /** Legacy drivers may write the MAC address, from its first byte to its last (5.1.4.3). */
  writeLegacy(offset: number, bytes: AccessBytes, value: number): void {
    for (let i = 0; i < bytes; i++) {
      const at = offset + i;
      if (at >= MAC_BYTES) {
        this.#context.judge.record('config.written', { register: this.#fieldAt(at)?.name ?? 'config' });
        continue;
      }
      this.#bytes[at] = (value >>> (8 * i)) & 0xff;
      if (at === MAC_BYTES - 1) this.onMac(this.#bytes.slice(0, MAC_BYTES));
    }
  }

  #readField(spec: ConfigField): number {
    this.#noteMissing(spec);
    this.#touch();
    const { offset, bytes } = spec;
    if (bytes === 1) return this.#view.getUint8(offset);
    return bytes === 2 ? this.#view.getUint16(offset, true) : this.#view.getUint32(offset, true);
  }

  #fieldAt(offset: number): ConfigField | undefined {
    return FIELDS.find((spec) => offset >= spec.offset && offset < spec.offset + spec.bytes);
  }

  #noteMissing(spec: ConfigField | undefined): void {
    if (!spec || spec.features.length === 0) return;
    const { setup, judge } = this.#context;
    if (spec.features.some((name) => hasFeature(setup.offered, name))) return;
    judge.record('config.not-offered', { register: spec.name, found: `needs ${spec.features.join(' or ')}` });
  }

  /** A field exists only where one of its features is offered. */
  #put(features: readonly FeatureName[], change: () => void): void {
    if (!features.some((feature) => hasFeature(this.#context.setup.offered, feature))) return;
    change();
    this.#changed = true;
  }

  /** The generation must change once the driver reads something that has changed (4.1.4.3.1). */
  #touch(): void {
    if (this.#context.faults.strikes('config-race')) this.#changed = true;
    if (!this.#changed) return;
    this.#changed = false;
    this.#generation = (this.#generation + 1) & 0xff;
  }
}
