/** What control commands do (virtio 1.2, section 5.1.6.5): each with its feature and the length of its data. */
import type { FeatureName } from '../../../datasheet/virtio/features.ts';
import { CONTROL, type ControlName } from '../../../datasheet/virtio/net.ts';
import { type FilterSwitch, type ReceiveFilter, SWITCHES } from './filter.ts';
import { configureHash, configureRss, type RssTable } from './hash-commands.ts';
import { type Refusal, refuse } from './refusal.ts';

const MAC_BYTES = 6;
const COUNT_BYTES = 4;
const VLANS = 4096;

/** What commands act upon. */
export interface ControlTarget {
  readonly filter: ReceiveFilter;
  /** The station has another address. */
  setMac(mac: Uint8Array): void;
  /** Takes 1 … `maximumPairs` pairs into use; false if not all of their queues are set up. */
  setPairs(pairs: number): boolean;
  readonly maximumPairs: number;
  /** Steers by a table, and takes `pairs` to send by; false if not all queues of the first `needed` pairs are set up. */
  setRss(pairs: number, needed: number, table: RssTable): boolean;
  /** Hashes packets of these types from now on. */
  setHash(types: number, key: Uint8Array): void;
  /** The driver has announced itself. */
  announced(): void;
}

interface ControlCommand {
  readonly name: ControlName;
  readonly feature: FeatureName;
  /** Bytes of data; undefined where they say so themselves. */
  readonly length: number | undefined;
  readonly run: (data: DataView, target: ControlTarget) => Refusal | undefined;
}

function filterSwitch(name: ControlName, feature: FeatureName, which: FilterSwitch): ControlCommand {
  return {
    name,
    feature,
    length: 1,
    run: (data, { filter }) => {
      const value = data.getUint8(0);
      if (value > 1) return refuse('control.switch', `${value}`);
      filter.switches[which] = value === 1;
      return undefined;
    },
  };
}

function vlan(name: ControlName, listed: boolean): ControlCommand {
  return {
    name,
    feature: 'CTRL_VLAN',
    length: 2,
    run: (data, { filter }) => {
      const id = data.getUint16(0, true);
      if (id >= VLANS) return refuse('control.vlan', `${id}`);
      filter.setVlan(id, listed);
      return undefined;
    },
  };
}

/** Two tables, each a number of addresses and the addresses: nothing changes unless both are sound (5.1.6.5.2). */
function setTables(data: DataView, { filter }: ControlTarget): Refusal | undefined {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const unicast = tableAt(data, 0);
  const multicast = unicast && tableAt(data, unicast.end);
  if (!unicast || multicast?.end !== data.byteLength) return refuse('control.length', `${data.byteLength} bytes`);
  if (has(bytes, unicast, 1)) return refuse('control.address', 'a multicast address among unicast ones');
  if (has(bytes, multicast, 0)) return refuse('control.address', 'a unicast address among multicast ones');
  filter.unicast.set(bytes, unicast.begin, unicast.count);
  filter.multicast.set(bytes, multicast.begin, multicast.count);
  return undefined;
}

interface Table {
  readonly count: number;
  readonly begin: number;
  readonly end: number;
}

function tableAt(data: DataView, at: number): Table | undefined {
  const begin = at + COUNT_BYTES;
  if (begin > data.byteLength) return undefined;
  const count = data.getUint32(at, true);
  const end = begin + count * MAC_BYTES;
  return end <= data.byteLength ? { count, begin, end } : undefined;
}

/** Whether any address of the table has this group bit. */
function has(bytes: Uint8Array, { begin, end }: Table, group: number): boolean {
  for (let at = begin; at < end; at += MAC_BYTES) if ((bytes[at] & 1) === group) return true;
  return false;
}

function setPairs(data: DataView, target: ControlTarget): Refusal | undefined {
  const pairs = data.getUint16(0, true);
  if (pairs < 1 || pairs > target.maximumPairs) return refuse('control.pairs', `${pairs} of ${target.maximumPairs}`);
  return target.setPairs(pairs) ? undefined : refuse('control.pairs-not-enabled', `${pairs} pairs`);
}

const COMMANDS: readonly ControlCommand[] = [
  filterSwitch('PROMISCUOUS', 'CTRL_RX', SWITCHES[0]),
  filterSwitch('ALL_MULTICAST', 'CTRL_RX', SWITCHES[1]),
  filterSwitch('ALL_UNICAST', 'CTRL_RX_EXTRA', SWITCHES[2]),
  filterSwitch('NO_MULTICAST', 'CTRL_RX_EXTRA', SWITCHES[3]),
  filterSwitch('NO_UNICAST', 'CTRL_RX_EXTRA', SWITCHES[4]),
  filterSwitch('NO_BROADCAST', 'CTRL_RX_EXTRA', SWITCHES[5]),
  { name: 'MAC_TABLE_SET', feature: 'CTRL_RX', length: undefined, run: setTables },
  {
    name: 'MAC_ADDRESS_SET',
    feature: 'CTRL_MAC_ADDR',
    length: MAC_BYTES,
    run: (data, target) => {
      target.setMac(new Uint8Array(data.buffer, data.byteOffset, MAC_BYTES));
      return undefined;
    },
  },
  vlan('VLAN_ADD', true),
  vlan('VLAN_DELETE', false),
  {
    name: 'ANNOUNCE_ACKNOWLEDGE',
    feature: 'GUEST_ANNOUNCE',
    length: 0,
    run: (_data, target) => {
      target.announced();
      return undefined;
    },
  },
  { name: 'QUEUE_PAIRS_SET', feature: 'MQ', length: 2, run: setPairs },
  { name: 'RSS_CONFIG', feature: 'RSS', length: undefined, run: configureRss },
  { name: 'HASH_CONFIG', feature: 'HASH_REPORT', length: undefined, run: configureHash },
];

const BY_CODE = new Map(COMMANDS.map((command) => [code(CONTROL[command.name]), command]));

function code([commandClass, command]: readonly [number, number]): number {
  return (commandClass << 8) | command;
}

/** The command of these two bytes, if there is one. */
export function controlCommand(commandClass: number, command: number): ControlCommand | undefined {
  return BY_CODE.get(code([commandClass, command]));
}
