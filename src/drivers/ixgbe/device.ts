/** An open port of an 82599 or one of its successors. */
import { EventEmitter } from 'node:events';
import type { IxgbeModel } from '../../datasheet/ixgbe/devices.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import type { Register } from '../../datasheet/registers.ts';
import { IxyError } from '../../errors.ts';
import type { LoanRequest, QueueLoan } from '../lending/loan.ts';
import { QueueLender } from '../lending/queue-lender.ts';
import { closeOnExit } from '../lifecycle.ts';
import { LINK_DOWN, sameLink, waitForLink } from '../link.ts';
import type { DeviceCapabilities, DeviceStatistics, LinkState, NetDevice, NetDeviceEvents } from '../net-device.ts';
import { type RssOptions, type RssState, requireRss, resolveRss } from '../rss.ts';
import { parseStationAddress } from '../station-address.ts';
import { unlessGone } from '../unless-gone.ts';
import { readMac, whileReceiveHalted, writeMac, writeModes } from './filters.ts';
import type { DeviceInterrupts } from './interrupts.ts';
import { lendableIxgbe } from './lender.ts';
import { linkSpeeds, readLink } from './link.ts';
import { MAXIMUM_MTU, MAXIMUM_QUEUES, type ResolvedOptions } from './options.ts';
import type { QueueSet } from './queues.ts';
import type { Registers } from './registers.ts';
import { changeRss, rssLimits } from './rss.ts';
import type { RxQueue } from './rx-queue.ts';
import { shutDown } from './shutdown.ts';
import { COUNTERS, type Statistics } from './statistics.ts';
import type { TxQueue } from './tx-queue.ts';

/** A few counters at a time, all of them within ten seconds: the fastest, bytes in 36 bits, takes 55 s to fill up. */
const STATISTICS_MILLISECONDS = 250;
const COUNTERS_PER_STEP = Math.ceil((COUNTERS * STATISTICS_MILLISECONDS) / 10_000);
const CRC_BYTES = 4;
/** The counters behind `statistics()`. */
const SUMMARISED = 'QPRC QBRC GPTC GOTC MPC QPRDC RUC ROC CRCERRS RFC RLEC ILLERRC'.split(' ');

/** What `openIxgbe` resolves to. See `NetDevice` for what all ports have in common. */
export class IxgbeDevice extends EventEmitter<NetDeviceEvents> implements NetDevice {
  readonly driver = 'ixgbe';
  readonly name: string;
  readonly description: string;
  readonly model: IxgbeModel;
  readonly rx: readonly RxQueue[];
  readonly tx: readonly TxQueue[];
  readonly capabilities: DeviceCapabilities;
  readonly mtu: number;

  readonly #registers: Registers;
  readonly #options: ResolvedOptions;
  readonly #queues: QueueSet;
  readonly #interrupts: DeviceInterrupts | undefined;
  readonly #lender: QueueLender;
  readonly #statistics: Statistics;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #stayOpen: () => void;
  #mac: string;
  #rss: RssState | undefined;
  #promiscuous: boolean;
  #allMulticast = false;
  /** The link as last seen, for telling changes. */
  #link = LINK_DOWN;
  #closed = false;

  /** For `openIxgbe`, which has initialised the device. */
  constructor(
    registers: Registers,
    model: IxgbeModel,
    options: ResolvedOptions,
    { queues, interrupts }: { readonly queues: QueueSet; readonly interrupts: DeviceInterrupts | undefined },
    statistics: Statistics,
  ) {
    super();
    this.name = registers.device.address;
    this.description = model.name;
    this.model = model;
    this.rx = queues.rx;
    this.tx = queues.tx;
    this.mtu = options.mtu;
    this.capabilities = {
      maxRxQueues: MAXIMUM_QUEUES,
      maxTxQueues: MAXIMUM_QUEUES,
      maxMtu: MAXIMUM_MTU,
      speeds: linkSpeeds(model),
      features: [
        'crc',
        'padding',
        'jumbo frames',
        'scatter-gather',
        'promiscuous',
        'all-multicast',
        'rss',
        'statistics',
      ],
    };
    this.#registers = registers;
    this.#options = options;
    this.#queues = queues;
    this.#interrupts = interrupts;
    this.#lender = new QueueLender(lendableIxgbe(registers, queues, interrupts));
    queues.onRelease(() => this.#lender.release());
    this.#statistics = statistics;
    this.#mac = readMac(registers);
    this.#promiscuous = options.promiscuous;
    this.#rss = options.rss;
    registers.onGone = (error) => this.#removed(error);
    this.#every(STATISTICS_MILLISECONDS, () => this.#statistics.step(COUNTERS_PER_STEP));
    if (interrupts) this.#watchLink(interrupts);
    else if (options.linkPollInterval > 0) this.#every(options.linkPollInterval, () => this.checkLink());
    this.#stayOpen = closeOnExit(this);
  }

  get mac(): string {
    return this.#mac;
  }

  /** The link as it is now; down once the device is closed or gone. */
  link(): LinkState {
    if (this.#closed) return LINK_DOWN;
    return unlessGone(() => readLink(this.#registers, this.model), LINK_DOWN);
  }

  /** Looks at the link and emits 'link' if it changed since the last look; runs by itself when it changes. */
  checkLink(): LinkState {
    const link = this.link();
    if (!sameLink(link, this.#link)) {
      this.#link = link;
      this.emit('link', link);
    }
    return link;
  }

  /** `timeoutMilliseconds`: 0 … a day. Throws `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_DEVICE_GONE`. */
  async waitForLink(timeoutMilliseconds?: number): Promise<LinkState> {
    const look = (): LinkState => {
      this.#assertOpen();
      return readLink(this.#registers, this.model);
    };
    return await waitForLink(this.name, this.#registers.device.clock, look, timeoutMilliseconds);
  }

  /** Throws `ERR_ARGUMENT` for what is no station's address. Reception pauses for some microseconds. */
  setMac(mac: string): void {
    this.#assertOpen();
    const bytes = parseStationAddress(mac);
    whileReceiveHalted(this.#registers, () => writeMac(this.#registers, bytes));
    this.#mac = readMac(this.#registers);
  }

  setPromiscuous(enabled: boolean): void {
    this.#assertOpen();
    this.#promiscuous = enabled;
    this.#writeModes();
  }

  setAllMulticast(enabled: boolean): void {
    this.#assertOpen();
    this.#allMulticast = enabled;
    this.#writeModes();
  }

  /** See `NetDevice.rss`. Another table is followed at once; for another key or other fields, reception pauses for some µs. */
  rss(change?: RssOptions): RssState | undefined {
    if (change === undefined) return this.#rss;
    this.#assertOpen();
    const before = requireRss(this.name, this.#rss);
    const rss = resolveRss(this.name, change, rssLimits(this.model.mac, this.rx.length), before);
    changeRss(this.#registers, before, rss);
    this.#rss = rss;
    return rss;
  }

  /** See `NetDevice.lend`. Other threads reach devices through VFIO or sysfs, and emulated ones on a thread of their own. */
  lend(request: LoanRequest): QueueLoan {
    this.#assertOpen();
    return this.#lender.lend(request, this);
  }

  /**
   * `rxPackets` reached memory (QPRC) and were good; `rxBytes` are QBRC, without CRC. `rxDropped` = no room on chip (MPC) +
   * no descriptor (QPRDC) + shorter than 64 bytes or longer than the maximum, with a good CRC (RUC, ROC) + refused by the
   * receive queues. `rxErrors` = wrong CRC (CRCERRS; RFC below 64 bytes), length (RLEC) or symbol (ILLERRC). `txPackets`
   * and `txBytes` are GPTC and GOTC without CRC, padding included. `txDropped` = refused by the transmit queues. The MAC
   * has no counter of frames that it failed to send: `txErrors` is 0. About 60 register reads.
   */
  statistics(): DeviceStatistics {
    if (!this.#closed) unlessGone(() => this.#statistics.refresh(SUMMARISED), undefined);
    const sum = (...names: string[]): number => names.reduce((total, name) => total + this.#statistics.total(name), 0);
    const refused = this.rx.reduce((total, queue) => total + queue.badFrames, 0);
    const txPackets = sum('GPTC');
    return {
      rxPackets: sum('QPRC') - refused,
      rxBytes: sum('QBRC'),
      txPackets,
      txBytes: sum('GOTC') - CRC_BYTES * txPackets,
      rxDropped: sum('MPC', 'QPRDC', 'RUC', 'ROC') + refused,
      rxErrors: sum('CRCERRS', 'RFC', 'RLEC', 'ILLERRC'),
      txDropped: this.tx.reduce((total, queue) => total + queue.dropped, 0),
      txErrors: 0,
    };
  }

  /**
   * Totals of every counter register by its datasheet name: 'GPRC', 'GORC' for the pair GORCL/GORCH, 'MPC[0]' in arrays;
   * and of the queues: 'rx[0].noBuffer', 'rx[0].badFrames', 'tx[0].dropped'. About 230 register reads.
   */
  counters(): Record<string, number> {
    if (!this.#closed) unlessGone(() => this.#statistics.accumulate(), undefined);
    const counters = this.#statistics.totals();
    for (const [index, queue] of this.rx.entries()) {
      counters[`rx[${index}].noBuffer`] = queue.noBuffer;
      counters[`rx[${index}].badFrames`] = queue.badFrames;
    }
    for (const [index, queue] of this.tx.entries()) counters[`tx[${index}].dropped`] = queue.dropped;
    return counters;
  }

  /**
   * The value of every readable register by name, 'RDT[3]' in arrays: thousands of reads, for people. What reading clears
   * is cleared, but counters go on in `counters()`, and the semaphore SWSM.SMBI is given back.
   */
  registers(): Record<string, number> {
    this.#assertOpen();
    const counted = this.#statistics.dump();
    const values: Record<string, number> = {};
    for (const [name, register] of Object.entries(ixgbe) as [string, Register][]) {
      if (register.access === 'WO') continue;
      for (let index = 0; index < register.length; index++) {
        const offset = register.at(index);
        const value = counted.get(offset) ?? this.#registers.readAt(offset);
        values[register.length > 1 ? `${name}[${index}]` : name] = value;
      }
    }
    if ((values.SWSM & ixgbe.SWSM.bits.SMBI.mask) === 0) this.#registers.assign('SWSM', {});
    return values;
  }

  /** The device's own pool is closed as well; in checked mode that throws `ERR_PACKET_OWNERSHIP` for leaked packets. */
  close(): void {
    if (this.#closed) return;
    unlessGone(() => this.#statistics.accumulate(), undefined);
    this.#closed = true;
    this.#stopTimers();
    this.#stayOpen();
    this.#lender.end();
    try {
      shutDown(this.#registers, this.#queues, this.#interrupts, this.#options.logger);
    } finally {
      this.emit('closed');
    }
  }

  #writeModes(): void {
    const registers = this.#registers;
    whileReceiveHalted(registers, () => writeModes(registers, this.#promiscuous, this.#allMulticast));
  }

  /** Never from within what noticed, and not before whoever opened the device can listen. */
  #watchLink(interrupts: DeviceInterrupts): void {
    const look = (): void => {
      const later = setImmediate(() => {
        if (!this.#closed) unlessGone(() => this.checkLink(), undefined);
      });
      later.unref();
    };
    interrupts.watchLink(look);
    look();
  }

  #removed(error: IxyError): void {
    this.#stopTimers();
    for (const queue of [...this.rx, ...this.tx]) queue.stop();
    this.#lender.end();
    this.#interrupts?.giveUp();
    // Not from within the access that noticed: listeners may well call close().
    queueMicrotask(() => this.emit('removed', error));
  }

  #assertOpen(): void {
    if (this.#closed) throw new IxyError('ERR_CLOSED', `${this.name} is closed`);
  }

  #every(milliseconds: number, action: () => void): void {
    const timer = setInterval(() => unlessGone(action, undefined), milliseconds);
    timer.unref();
    this.#timers.push(timer);
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }
}
