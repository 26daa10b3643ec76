/** A port whose NIC is driven by somebody else's driver, with queues, counters or an end of its own put in their place. */
import { EventEmitter } from 'node:events';
import type {
  DeviceCapabilities,
  DeviceStatistics,
  LinkState,
  NetDevice,
  NetDeviceEvents,
  RxQueue,
  TxQueue,
} from '../drivers/net-device.ts';

interface Delegation {
  /** Default: the device's own queues, the same objects. */
  readonly rx?: readonly RxQueue[];
  readonly tx?: readonly TxQueue[];
  /** Whether no more packets will come. */
  readonly ended: () => boolean;
  /** Counters beside those of the device. */
  readonly counters: () => Record<string, number>;
  /** Called before the device is closed. */
  readonly beforeClose: () => void;
}

export class DelegatedPort extends EventEmitter<NetDeviceEvents> implements NetDevice {
  readonly name: string;
  readonly driver: string;
  readonly description: string;
  readonly rx: readonly RxQueue[];
  readonly tx: readonly TxQueue[];
  readonly capabilities: DeviceCapabilities;
  readonly mtu: number;
  readonly setMacFilter: NetDevice['setMacFilter'];
  readonly rss: NetDevice['rss'];
  readonly lend: NetDevice['lend'];
  readonly addVlan: NetDevice['addVlan'];
  readonly removeVlan: NetDevice['removeVlan'];
  readonly #device: NetDevice;
  readonly #delegation: Delegation;
  #closed = false;

  constructor(device: NetDevice, delegation: Delegation) {
    super();
    this.name = device.name;
    this.driver = device.driver;
    this.description = device.description;
    this.rx = delegation.rx ?? device.rx;
    this.tx = delegation.tx ?? device.tx;
    this.capabilities = device.capabilities;
    this.mtu = device.mtu;
    this.setMacFilter = device.setMacFilter?.bind(device);
    this.rss = device.rss?.bind(device);
    this.lend = device.lend?.bind(device);
    this.addVlan = device.addVlan?.bind(device);
    this.removeVlan = device.removeVlan?.bind(device);
    this.#device = device;
    this.#delegation = delegation;
    device.on('link', (state) => this.emit('link', state));
    device.on('failed', (error) => this.emit('failed', error));
    device.on('removed', (error) => this.emit('removed', error));
    device.on('closed', () => this.emit('closed'));
  }

  get mac(): string {
    return this.#device.mac;
  }

  get ended(): boolean {
    return this.#delegation.ended();
  }

  link(): LinkState {
    return this.#device.link();
  }

  waitForLink(timeoutMilliseconds?: number): Promise<LinkState> {
    return this.#device.waitForLink(timeoutMilliseconds);
  }

  setMac(mac: string): void {
    this.#device.setMac(mac);
  }

  setPromiscuous(enabled: boolean): void {
    this.#device.setPromiscuous(enabled);
  }

  setAllMulticast(enabled: boolean): void {
    this.#device.setAllMulticast(enabled);
  }

  statistics(): DeviceStatistics {
    return this.#device.statistics();
  }

  counters(): Record<string, number> {
    return { ...this.#device.counters(), ...this.#delegation.counters() };
  }

  registers(): Record<string, number> {
    return this.#device.registers();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#delegation.beforeClose();
    } finally {
      this.#device.close();
    }
  }
}
