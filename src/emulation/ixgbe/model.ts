/** An Intel 82599, written from the datasheet (revision 3.4) and apart from any driver: the judge of drivers. */
import { INTEL_VENDOR_ID } from '../../datasheet/ixgbe/devices.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { insert, type Register } from '../../datasheet/registers.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER } from '../../pci/pci-device.ts';
import type { ConfigSpace } from '../config-space.ts';
import type { AccessBytes, DeviceModel, DeviceModelOptions, ModelBar } from '../device-model.ts';
import type { DmaRegions } from '../dma-regions.ts';
import { Faults } from '../faults.ts';
import { Judge, type Violation } from '../judge.ts';
import { macBytes } from '../mac-bytes.ts';
import { MsixTable } from '../msix-table.ts';
import { RegisterSpace } from '../register-space.ts';
import { isGone } from '../removal.ts';
import { Timers } from '../timers.ts';
import type { WireEnd } from '../wire.ts';
import { BAR0_SIZE, ixgbeConfigSpace, type MessageKind, MSIX, MSIX_BAR_SIZE } from './config.ts';
import { type ModelContext, QUIET } from './context.ts';
import { Control } from './control.ts';
import type { IxgbeFault } from './faults.ts';
import { Eeprom } from './firmware/eeprom.ts';
import { eepromImage } from './firmware/eeprom-image.ts';
import { connectHostInterface } from './firmware/host-interface.ts';
import { Semaphores } from './firmware/semaphores.ts';
import { Interrupts } from './interrupts.ts';
import { connectIpsecTables } from './ipsec-tables.ts';
import { Link } from './link/link.ts';
import { connectMdio } from './link/mdio.ts';
import { mediumOf } from './link/medium.ts';
import { connectSfpCage } from './link/sfp-cage.ts';
import type { SfpKind } from './link/sfp-module.ts';
import { Receive } from './receive/receive.ts';
import { registerWatcher } from './register-watcher.ts';
import { IXGBE_RULES, type IxgbeRule } from './rules.ts';
import { Statistics } from './statistics.ts';
import { SystemTime } from './time/system-time.ts';
import { TimeStamps } from './time/time-stamps.ts';
import { Transmit } from './transmit/transmit.ts';

const IXGBE_82599_SFP = 0x10fb;
/** What the EEPROM says where nobody chose an address. */
export const DEFAULT_MAC = '02:00:00:82:59:90';
const ALL_ONES = 0xffff_ffff;

/** The MAC address is what the EEPROM says; default `DEFAULT_MAC`. */
export interface IxgbeModelOptions extends DeviceModelOptions {
  /** Which 82599. Default: the one with SFP+. */
  readonly deviceId?: number;
  /** What is in its cage, if it has one: a direct-attach cable, a 10GBASE-SR module, or nothing. Default 'da'. */
  readonly sfp?: SfpKind;
  /** Which of the chip's two ports this is. Default 0. */
  readonly port?: 0 | 1;
  /** Interrupts by message that its slot leaves to it. Default 'msix': MSI-X and MSI. */
  readonly messages?: MessageKind;
  /**
   * Report type and checksums of received packets even to a driver that has switched on nothing that needs them (RXCSUM,
   * RSS, VLANs, …), as the hardware does. It costs time for each frame. Default: `strict`.
   */
  readonly reportsAll?: boolean;
}

/** Registers, rings, wire, and what it has noticed about its driver. */
export class IxgbeModel implements DeviceModel<IxgbeFault, IxgbeRule> {
  readonly config: ConfigSpace;
  readonly bars: ReadonlyMap<number, ModelBar>;
  readonly faults = new Faults<IxgbeFault>();
  readonly eeprom: Eeprom;
  readonly semaphores: Semaphores;
  readonly #context: ModelContext;
  readonly #timers = new Timers();
  readonly #judge: Judge<IxgbeRule>;
  readonly #registers: RegisterSpace;
  readonly #statistics: Statistics;
  readonly #interrupts: Interrupts;
  readonly #link: Link;
  readonly #control: Control;
  readonly #receive: Receive;
  readonly #transmit: Transmit;
  readonly #time: SystemTime;
  readonly #stamps: TimeStamps;
  readonly #port: number;
  readonly #ownDoorbells: Int32Array;

  /** `regions`: what it can reach. Throws `ERR_ARGUMENT`. */
  constructor(options: IxgbeModelOptions, regions: DmaRegions) {
    const { deviceId = IXGBE_82599_SFP, strict = false, sfp = 'da', port = 0, messages = 'msix' } = options;
    const { reportsAll = strict } = options;
    const mac = macBytes(options.mac ?? DEFAULT_MAC);
    const doorbells = new Int32Array(new SharedArrayBuffer(BAR0_SIZE)).fill(QUIET);
    this.#ownDoorbells = doorbells;
    this.bars = new Map([
      [0, { size: BAR0_SIZE, narrow: false, doorbells }],
      [MSIX.bar, { size: MSIX_BAR_SIZE, narrow: false, doorbells: new Int32Array(0) }],
    ]);
    this.config = ixgbeConfigSpace({ vendorId: INTEL_VENDOR_ID, deviceId, mac, port, messages });
    this.#judge = new Judge(IXGBE_RULES, this.#timers, strict);
    const table = ixgbe as Readonly<Record<string, Register>>;
    this.#registers = new RegisterSpace(BAR0_SIZE, table, registerWatcher(this.#judge));
    this.#port = port;
    const context: ModelContext = {
      registers: this.#registers,
      timers: this.#timers,
      judge: this.#judge,
      faults: this.faults,
      config: this.config,
      regions,
      doorbells,
      dmaFaults: 0,
    };
    this.#context = context;
    this.#statistics = new Statistics(context);
    this.#interrupts = new Interrupts(context, new MsixTable(this.config, MSIX, MSIX_BAR_SIZE));
    this.#link = new Link(context, this.#interrupts, mediumOf(deviceId, sfp));
    this.eeprom = new Eeprom(context, eepromImage(mac), mac);
    this.semaphores = new Semaphores(context);
    connectMdio(context);
    connectSfpCage(context, sfp);
    connectHostInterface(context);
    connectIpsecTables(context);
    this.#time = new SystemTime(context, () => this.#link.speed);
    this.#link.beforeChange = () => this.#time.rebase();
    this.#stamps = new TimeStamps(context, this.#time);
    const transmit = new Transmit(context, this.#statistics.tx, this.#interrupts, this.#link, this.#stamps);
    this.#transmit = transmit;
    this.#receive = new Receive(
      context,
      this.#statistics.rx,
      this.#interrupts,
      this.#link,
      this.#stamps,
      reportsAll,
      () => {
        transmit.configure();
        this.#link.configure();
      },
    );
    this.#link.receiver = this.#receive;
    const running = () => this.#receive.running || this.#transmit.running;
    const sequence = {
      cleared: () => this.#clear(),
      loaded: () => this.#load(),
      configured: () => this.#interrupts.configWritten(),
    };
    this.#control = new Control(context, sequence, running, () => this.#interrupts.anyUnmasked);
    this.reset();
  }

  get now(): number {
    return this.#timers.now;
  }

  get violations(): readonly Violation<IxgbeRule>[] {
    return this.#judge.violations;
  }

  clearViolations(): void {
    this.#judge.clear();
  }

  get wire(): WireEnd | undefined {
    return this.#link.wire;
  }

  set wire(wire: WireEnd | undefined) {
    this.#link.wire = wire;
    this.#link.follow();
  }

  get linkUp(): boolean {
    return this.#link.up;
  }

  /** Frames that arrived while the receiver or their queue was off; no register counts them. */
  get discarded(): number {
    return this.#receive.discarded;
  }

  get dmaFaults(): number {
    return this.#context.dmaFaults;
  }

  get lineAsserted(): boolean {
    return this.#interrupts.lineAsserted;
  }

  set onInterrupt(handler: (vector: number) => void) {
    this.#interrupts.onInterrupt = handler;
  }

  read(bar: number, offset: number, _bytes: AccessBytes): number {
    if (isGone(this.config, this.faults)) return ALL_ONES;
    if (bar === MSIX.bar) return this.#interrupts.msix.read(offset);
    this.#control.watchAccess(offset);
    return this.#registers.read(offset);
  }

  write(bar: number, offset: number, _bytes: AccessBytes, value: number): void {
    if (isGone(this.config, this.faults)) return;
    if (bar === MSIX.bar) {
      this.#interrupts.msix.write(offset, value);
      return;
    }
    this.#control.watchAccess(offset);
    this.#registers.write(offset, value);
  }

  pollDoorbells(_bar: number, doorbells: Int32Array | undefined): void {
    this.#context.doorbells = (doorbells ?? this.#ownDoorbells).fill(QUIET);
  }

  step(budget: number): number {
    if (!this.config.present) return 0;
    this.#link.follow();
    if (!this.#control.mayMaster) return this.#idle();
    const receive = this.#receive;
    const transmit = this.#transmit;
    receive.listen();
    transmit.listen();
    let moved = 0;
    if (this.#link.up) {
      moved = transmit.send(budget);
      transmit.finish();
      const { source } = this.#link;
      if (source && receive.listening) {
        receive.flowControl = source.flowControl === true;
        moved += source.poll(receive, budget, this.#timers.now);
      }
      receive.finish();
    }
    this.#interrupts.evaluate();
    if (this.faults.armed && moved > 0) this.#flap(moved);
    return moved;
  }

  advance(nanoseconds: number): void {
    this.advanceTo(this.#timers.now + nanoseconds);
  }

  advanceTo(nanoseconds: number): void {
    this.#timers.advanceTo(nanoseconds);
  }

  /** Power-on: every register, queue and counter as when the device was made, a second after the power came. */
  reset(): void {
    this.config.present = true;
    this.#timers.clear();
    this.config.reset();
    this.#control.reset();
    this.advance(POWER_UP_TIME);
  }

  #clear(): void {
    this.#interrupts.reset();
    this.#statistics.reset();
    this.#time.reset();
    this.#stamps.reset();
    this.#receive.reset();
    this.#transmit.reset();
    this.eeprom.reset();
    this.semaphores.reset();
    this.#link.stop();
  }

  #load(): void {
    const { STATUS } = ixgbe;
    this.#registers.set(STATUS, insert(STATUS.bits.LAN_ID, this.#registers.get(STATUS), this.#port));
    this.eeprom.autoRead();
    this.#receive.filters.invalidate();
    this.#link.loadDefaults();
  }

  /** Without permission to do DMA nothing moves; queues that run meanwhile are worth a remark. */
  #idle(): number {
    const forbidden = (this.config.read16(PCI_COMMAND) & PCI_COMMAND_BUS_MASTER) === 0;
    if (forbidden && (this.#receive.running || this.#transmit.running)) this.#judge.record('dma.bus-master');
    return 0;
  }

  #flap(moved: number): void {
    for (let i = 0; i < moved; i++) {
      const fault = this.faults.strikes('link-flap');
      if (fault) this.#link.flap(fault.nanoseconds);
    }
  }
}

/** How long the device has had power before anybody looks at it. */
const POWER_UP_TIME = 1e9;
