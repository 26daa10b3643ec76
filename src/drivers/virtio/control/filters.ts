/** Which frames come in: the station's address, receive modes, tables (virtio 1.2, sections 5.1.6.5.1 to 5.1.6.5.3). */
import { randomBytes } from 'node:crypto';
import { type FeatureName, type FeatureSet, hasFeature } from '../../../datasheet/virtio/features.ts';
import { NET_CONFIG } from '../../../datasheet/virtio/net.ts';
import { checkInteger, IxyError } from '../../../errors.ts';
import { formatMac, isMulticastMac, parseMac, readMac, writeMac } from '../../../packets/addresses.ts';
import type { Logger } from '../../logger.ts';
import type { MacFilter } from '../../net-device.ts';
import { parseStationAddress } from '../../station-address.ts';
import { readStationAddress } from '../net-config.ts';
import type { VirtioTransport } from '../transport.ts';
import { CONTROL_DATA_BYTES, type ControlQueue } from './queue.ts';

const MAC_BYTES = 6;
const COUNT_BYTES = 4;
/** Addresses in both tables together. */
const MAXIMUM_FILTERS = Math.floor((CONTROL_DATA_BYTES - 2 * COUNT_BYTES) / MAC_BYTES);
const MAXIMUM_VLAN = 4095;

export class ReceiveFilters {
  readonly #transport: VirtioTransport;
  readonly #features: FeatureSet;
  readonly #control: ControlQueue | undefined;
  #mac: string;

  /** A device without a MAC address gets one, which it may refuse to know: `logger` hears of it. */
  constructor(transport: VirtioTransport, features: FeatureSet, control: ControlQueue | undefined, logger: Logger) {
    this.#transport = transport;
    this.#features = features;
    this.#control = control;
    this.#mac = readStationAddress(transport, features) ?? this.#giveAddress(logger);
  }

  get mac(): string {
    return this.#mac;
  }

  setMac(mac: string): void {
    const bytes = parseStationAddress(mac);
    if (this.#has('CTRL_MAC_ADDR')) {
      this.#controlWith('CTRL_MAC_ADDR').send('MAC_ADDRESS_SET', bytes);
    } else if (this.#has('MAC')) {
      this.#writeLegacyMac(bytes);
    }
    this.#mac = formatMac(readMac(bytes, 0));
  }

  setMode(name: 'PROMISCUOUS' | 'ALL_MULTICAST', enabled: boolean): void {
    if (this.#has('CTRL_RX')) this.#controlWith('CTRL_RX').send(name, Uint8Array.of(enabled ? 1 : 0));
  }

  /** Throws `ERR_ARGUMENT` for what is no address, in the wrong list, or too many. */
  setMacFilter({ unicast = [], multicast = [] }: MacFilter): void {
    checkInteger('addresses in a MAC filter', unicast.length + multicast.length, 0, MAXIMUM_FILTERS);
    const tables = [macTable('unicast', unicast), macTable('multicast', multicast)];
    this.#controlWith('CTRL_RX').send('MAC_TABLE_SET', ...tables);
  }

  setVlan(name: 'VLAN_ADD' | 'VLAN_DELETE', id: number): void {
    checkInteger('VLAN id', id, 0, MAXIMUM_VLAN);
    this.#controlWith('CTRL_VLAN').send(name, Uint8Array.of(id & 0xff, id >>> 8));
  }

  #has(name: FeatureName): boolean {
    return hasFeature(this.#features, name);
  }

  #controlWith(feature: 'CTRL_RX' | 'CTRL_VLAN' | 'CTRL_MAC_ADDR'): ControlQueue {
    if (this.#control && this.#has(feature)) return this.#control;
    const hint = feature === 'CTRL_VLAN' ? ' (and the option vlanFilter)' : '';
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${this.#transport.address}: that takes the feature ${feature}${hint}, on which driver and device have not agreed`,
    );
  }

  /** A legacy driver writes the address into the configuration, first byte to last (5.1.6.5.2.3). */
  #writeLegacyMac(bytes: Uint8Array): void {
    if (this.#transport.kind !== 'legacy') this.#controlWith('CTRL_MAC_ADDR');
    for (const [index, byte] of bytes.entries()) this.#transport.writeConfig8(NET_CONFIG.MAC + index, byte);
  }

  /** Locally administered, unicast, and as good as never given twice (5.1.5). */
  #giveAddress(logger: Logger): string {
    const bytes = new Uint8Array(randomBytes(MAC_BYTES));
    bytes[0] = (bytes[0] & 0xfc) | 2;
    if (this.#has('CTRL_MAC_ADDR')) this.#controlWith('CTRL_MAC_ADDR').offer(logger, 'MAC_ADDRESS_SET', bytes);
    return formatMac(readMac(bytes, 0));
  }
}

function macTable(kind: 'unicast' | 'multicast', addresses: readonly string[]): Uint8Array {
  const table = new Uint8Array(COUNT_BYTES + MAC_BYTES * addresses.length);
  new DataView(table.buffer).setUint32(0, addresses.length, true);
  for (const [index, address] of addresses.entries()) {
    const mac = parseMac(address);
    if (isMulticastMac(mac) !== (kind === 'multicast')) {
      throw new IxyError('ERR_ARGUMENT', `${address} is no ${kind} address; put it in the other list`);
    }
    writeMac(table, COUNT_BYTES + MAC_BYTES * index, mac);
  }
  return table;
}
