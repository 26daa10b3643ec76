/** An open virtio-net device. */
import { EventEmitter } from 'node:events';
import { type FeatureSet, featureNames, STATUS_NEEDS_RESET } from '../../datasheet/virtio/features.ts';
import { IxyError } from '../../errors.ts';
import type { LoanRequest, QueueLoan } from '../lending/loan.ts';
import { QueueLender } from '../lending/queue-lender.ts';
import { closeOnExit } from '../lifecycle.ts';
import { LINK_DOWN, sameLink, waitForLink } from '../link.ts';
import type {
  DeviceCapabilities,
  DeviceStatistics,
  LinkState,
  MacFilter,
  NetDevice,
  NetDeviceEvents,
} from '../net-device.ts';
import { type RssOptions, type RssState, requireRss } from '../rss.ts';
import { unlessGone } from '../unless-gone.ts';
import { AnnouncementCalls } from './control/announcement-calls.ts';
import { ReceiveFilters } from './control/filters.ts';
import { ringKind } from './features.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import { lendableVirtio } from './lender.ts';
import { netRegisters, readLink } from './net-config.ts';
import type { DeviceLimits } from './open.ts';
import type { ResolvedOptions } from './options.ts';
import type { QueueSet } from './queues.ts';
import type { VirtioRss } from './rss.ts';
import type { VirtioRxQueue } from './rx-queue.ts';
import { shutDown } from './shutdown.ts';
import { counters, summarise } from './statistics.ts';
import type { VirtioTransport } from './transport.ts';
import type { VirtioTxQueue } from './tx-queue.ts';

/** What `openVirtio` has made ready. */
interface InitialisedDevice {
  readonly transport: VirtioTransport;
  readonly features: FeatureSet;
  readonly limits: DeviceLimits;
  readonly mtu: number;
  readonly options: ResolvedOptions;
  readonly queues: QueueSet;
  readonly interrupts: VirtioInterrupts | undefined;
  /** Undefined: the device steers frames as it likes. */
  readonly rss: VirtioRss | undefined;
}

/** What `openVirtio` resolves to. See `NetDevice` for what all ports have in common. */
export class VirtioNetDevice extends EventEmitter<NetDeviceEvents> implements NetDevice {
  readonly driver = 'virtio';
  readonly name: string;
  readonly description: string;
  readonly rx: readonly VirtioRxQueue[];
  readonly tx: readonly VirtioTxQueue[];
  readonly capabilities: DeviceCapabilities;
  readonly mtu: number;

  readonly #transport: VirtioTransport;
  readonly #features: FeatureSet;
  readonly #options: ResolvedOptions;
  readonly #queues: QueueSet;
  readonly #filters: ReceiveFilters;
  readonly #calls: AnnouncementCalls;
  readonly #rss: VirtioRss | undefined;
  readonly #interrupts: VirtioInterrupts | undefined;
  readonly #lender: QueueLender;
  readonly #stayOpen: () => void;
  readonly #timer: NodeJS.Timeout | undefined;
  /** The link as last seen, for telling changes. */
  #link = LINK_DOWN;
  /** Why the device is of no use any more. */
  #failure: IxyError | undefined;
  #closed = false;

  /** For `openVirtio`, which has initialised the device. */
  constructor({ transport, features, limits, mtu, options, queues, interrupts, rss }: InitialisedDevice) {
    super();
    this.name = transport.address;
    this.description = `virtio-net (${transport.kind} interface, ${ringKind(features)} rings)`;
    this.rx = queues.rx;
    this.tx = queues.tx;
    this.mtu = mtu;
    this.#transport = transport;
    this.#features = features;
    this.#options = options;
    this.#queues = queues;
    this.#interrupts = interrupts;
    this.#lender = new QueueLender(lendableVirtio(transport, features, queues, interrupts));
    queues.onRelease(() => this.#lender.release());
    this.#rss = rss;
    this.#calls = new AnnouncementCalls(transport, features, queues.control, options.logger);
    this.#filters = new ReceiveFilters(transport, features, queues.control, options.logger);
    const { speed } = readLink(transport, features);
    this.capabilities = {
      maxRxQueues: limits.pairs,
      maxTxQueues: limits.pairs,
      maxMtu: limits.mtu,
      speeds: speed > 0 ? [speed] : [],
      features: featureNames(features),
    };
    queues.onBroken = (reason) => this.#fail(reason);
    if (interrupts) {
      interrupts.watchConfig(() => this.#lookLater());
      this.#lookLater();
    }
    this.#timer = this.#poll(options.linkPollInterval);
    this.#stayOpen = closeOnExit(this);
  }

  get mac(): string {
    return this.#filters.mac;
  }

  /** The link as it is now; up if the device has no word on it (STATUS), down once it is closed, gone or failed. */
  link(): LinkState {
    if (this.#closed || this.#failure) return LINK_DOWN;
    return unlessGone(() => this.#readLink(), LINK_DOWN);
  }

  /**
   * Looks at the link and emits 'link' if it changed since the last look, and 'failed' or 'removed' if the device came to
   * that; runs by itself when the device interrupts, and every `linkPollInterval`.
   */
  checkLink(): LinkState {
    const link = this.link();
    if (this.#closed || this.#failure) return link;
    const announce = this.#calls.heard();
    if (announce || !sameLink(link, this.#link)) {
      this.#link = link;
      this.emit('link', link);
    }
    return link;
  }

  /** `timeoutMilliseconds`: 0 … a day. Throws `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_DEVICE_GONE`, `ERR_DEVICE_FAILED`. */
  async waitForLink(timeoutMilliseconds?: number): Promise<LinkState> {
    const look = (): LinkState => {
      this.#assertUsable();
      return this.#readLink();
    };
    return await waitForLink(this.name, this.#transport.clock, look, timeoutMilliseconds);
  }

  /**
   * Throws `ERR_ARGUMENT` for what is no station's address, and `ERR_DEVICE_UNSUPPORTED` if the device has an address that
   * it lets nobody change (no CTRL_MAC_ADDR). One without a MAC address of its own has no filter for it either.
   */
  setMac(mac: string): void {
    this.#usableFilters().setMac(mac);
  }

  /** A device without CTRL_RX receives every frame, whatever is set here. */
  setPromiscuous(enabled: boolean): void {
    this.#usableFilters().setMode('PROMISCUOUS', enabled);
  }

  /** As `setPromiscuous`. */
  setAllMulticast(enabled: boolean): void {
    this.#usableFilters().setMode('ALL_MULTICAST', enabled);
  }

  /**
   * Which other destinations to receive, instead of those set before; a device may receive more than that. Throws
   * `ERR_ARGUMENT`, and `ERR_DEVICE_UNSUPPORTED` without CTRL_RX (5.1.6.5.2).
   */
  setMacFilter(filter: MacFilter): void {
    this.#usableFilters().setMacFilter(filter);
  }

  /** With `vlanFilter`: receive frames of VLAN `id`, 0 … 4095. Throws `ERR_DEVICE_UNSUPPORTED` without CTRL_VLAN. */
  addVlan(id: number): void {
    this.#usableFilters().setVlan('VLAN_ADD', id);
  }

  /** Takes `addVlan` back. */
  removeVlan(id: number): void {
    this.#usableFilters().setVlan('VLAN_DELETE', id);
  }

  /** See `NetDevice.lend`. Throws `ERR_DEVICE_UNSUPPORTED` without RING_RESET, too. */
  lend(request: LoanRequest): QueueLoan {
    this.#assertUsable();
    return this.#lender.lend(request, this);
  }

  /** See `NetDevice.rss`. Undefined also where the device sends frames of a flow to where it was last sent from (MQ alone). */
  rss(change?: RssOptions): RssState | undefined {
    if (change !== undefined) {
      this.#assertUsable();
      if (this.#rss) this.#rss.change(change);
      else requireRss(this.name, undefined);
    }
    return this.#rss?.state;
  }

  /**
   * What the driver has counted: the device tells nothing. `rxDropped` are frames that made no sense (`badFrames`); those
   * for which it found no buffer, the device drops in silence. `txDropped` = refused by the transmit queues, and once it is
   * closed, those that it had not used.
   */
  statistics(): DeviceStatistics {
    return summarise(this.rx, this.tx);
  }

  /** Per queue: 'rx[0].packets', '.bytes', '.noBuffer', '.badFrames', and 'tx[0].packets', '.bytes', '.dropped'. */
  counters(): Record<string, number> {
    return counters(this.rx, this.tx);
  }

  /** The common configuration (legacy: the registers in BAR 0), and the device's own, by the specification's names. */
  registers(): Record<string, number> {
    this.#assertUsable();
    return { ...this.#transport.registers(), ...netRegisters(this.#transport, this.#features) };
  }

  /** The device's own pool is closed as well; in checked mode that throws `ERR_PACKET_OWNERSHIP` for leaked packets. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#stayOpen();
    this.#lender.end();
    try {
      shutDown(this.#transport, this.#queues, this.#interrupts, this.#options.logger);
    } finally {
      this.emit('closed');
    }
  }

  /** The status first: where nobody answers, everything reads as ones, a link as up. */
  #readLink(): LinkState {
    try {
      if ((this.#transport.readStatus() & STATUS_NEEDS_RESET) !== 0) {
        this.#fail('the device met an error from which only a reset recovers (DEVICE_NEEDS_RESET)');
        return LINK_DOWN;
      }
      return readLink(this.#transport, this.#features);
    } catch (error) {
      if (error instanceof IxyError && error.code === 'ERR_DEVICE_GONE') this.#end('removed', error);
      throw error;
    }
  }

  /** Never from within what noticed, and not before whoever opened the device can listen. */
  #lookLater(): void {
    setImmediate(() => this.#look()).unref();
  }

  #look(): void {
    try {
      this.checkLink();
    } catch (error) {
      if (!(error instanceof IxyError)) throw error;
      if (error.code === 'ERR_DEVICE_GONE') this.#end('removed', error);
      else this.#end('failed', error);
    }
  }

  #poll(milliseconds: number): NodeJS.Timeout | undefined {
    return milliseconds > 0 ? setInterval(() => this.#look(), milliseconds).unref() : undefined;
  }

  #fail(reason: string): void {
    this.#end('failed', new IxyError('ERR_DEVICE_FAILED', `${this.name}: ${reason}; close it, and open it again`));
  }

  /** Queues take nothing from now on, and nobody waits for them. */
  #end(event: 'failed' | 'removed', error: IxyError): void {
    if (this.#failure || this.#closed) return;
    this.#failure = error;
    clearInterval(this.#timer);
    for (const queue of [...this.rx, ...this.tx]) queue.stop();
    this.#lender.end();
    this.#interrupts?.giveUp();
    // Not from within the burst or access that noticed: listeners may well call close().
    queueMicrotask(() => this.emit(event, error));
  }

  #assertUsable(): void {
    if (this.#closed) throw new IxyError('ERR_CLOSED', `${this.name} is closed`);
    if (this.#failure) throw this.#failure;
  }

  #usableFilters(): ReceiveFilters {
    this.#assertUsable();
    return this.#filters;
  }
}
