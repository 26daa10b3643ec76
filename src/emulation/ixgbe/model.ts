/**
 * An Intel 82599, written from the datasheet (revision 3.4) and apart from any driver: the judge of drivers. It has no
 * thread and no clock of its own: whoever owns it calls `step` to let it work and `advance` to let time pass.
 */

import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import type { Register } from '../../datasheet/registers.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER } from '../../pci/pci-device.ts';
import type { ConfigSpace } from '../config-space.ts';
import type { DmaRegions } from '../dma-regions.ts';
import { Judge, type Violation } from '../judge.ts';
import { checkRegisterOffset } from '../register-offset.ts';
import { RegisterSpace } from '../register-space.ts';
import { Timers } from '../timers.ts';
import type { WireEnd } from '../wire.ts';
import { BAR0_SIZE, ixgbeConfigSpace, MSIX_BAR, MSIX_BAR_SIZE } from './config.ts';
import { type ModelContext, QUIET } from './context.ts';
import { Control } from './control.ts';
import { Eeprom } from './eeprom.ts';
import { eepromImage } from './eeprom-image.ts';
import { Faults } from './faults.ts';
import { Interrupts } from './interrupts.ts';
import { Link } from './link.ts';
import { connectMdio } from './mdio.ts';
import { Receive } from './receive.ts';
import { IXGBE_RULES, type IxgbeRule } from './rules.ts';
import { Semaphores } from './semaphores.ts';
import { Statistics } from './statistics.ts';
import { Transmit } from './transmit.ts';

export const INTEL = 0x8086;
export const IXGBE_82599_SFP = 0x10fb;
/** What the EEPROM says where nobody chose an address. */
export const DEFAULT_MAC = '02:00:00:82:59:90';
const ALL_ONES = 0xffff_ffff;

/** What the model is made of. */
export interface IxgbeModelOptions {
  /** Six bytes; what the EEPROM says. */
  readonly mac: Uint8Array;
  /** What it can reach. */
  readonly regions: DmaRegions;
  readonly deviceId?: number;
  /** Record broken rules in `violations`. Costs time for each frame. Default false. */
  readonly strict?: boolean;
  /** Doorbell memory, `BAR0_SIZE` bytes; shared with the driver's thread. Default: its own. */
  readonly doorbells?: SharedArrayBuffer;
}

/** The NIC itself, without PCI around it: registers, rings, wire, and what it has noticed about its driver. */
export class IxgbeModel {
  readonly config: ConfigSpace;
  /** RX and TX tails, as plain stores; see `RegisterFile.doorbells`. */
  readonly doorbells: Int32Array;
  readonly faults = new Faults();
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
  #removed = false;

  constructor(options: IxgbeModelOptions) {
    const { mac, regions, deviceId = IXGBE_82599_SFP, strict = false } = options;
    this.doorbells = new Int32Array(options.doorbells ?? new SharedArrayBuffer(BAR0_SIZE)).fill(QUIET);
    this.config = ixgbeConfigSpace({ vendorId: INTEL, deviceId, mac });
    this.#judge = new Judge(IXGBE_RULES, this.#timers, strict);
    this.#registers = new RegisterSpace(BAR0_SIZE, ixgbe as Readonly<Record<string, Register>>, {
      unknownRegister: (offset, write) =>
        this.#judge.record('register.unknown', { register: hexadecimal(offset), found: write ? 'write' : 'read' }),
      readOnlyWritten: (register, queue, value) =>
        this.#judge.record('register.read-only', { register, queue, found: hexadecimal(value >>> 0) }),
      writeOnlyRead: (register) => this.#judge.record('register.write-only', { register }),
    });
    const context: ModelContext = {
      registers: this.#registers,
      timers: this.#timers,
      judge: this.#judge,
      faults: this.faults,
      config: this.config,
      regions,
      doorbells: this.doorbells,
      dmaFaults: 0,
    };
    this.#context = context;
    this.#statistics = new Statistics(context);
    this.#interrupts = new Interrupts(context);
    this.#link = new Link(context, this.#interrupts);
    this.eeprom = new Eeprom(context, eepromImage(mac), mac);
    this.semaphores = new Semaphores(context);
    connectMdio(context);
    const transmit = new Transmit(context, this.#statistics.tx, this.#interrupts, this.#link);
    this.#transmit = transmit;
    this.#receive = new Receive(context, this.#statistics.rx, this.#interrupts, () => transmit.configure());
    const running = () => this.#receive.running || this.#transmit.running;
    const sequence = { cleared: () => this.#clear(), loaded: () => this.#load() };
    this.#control = new Control(context, sequence, running, () => this.#interrupts.anyUnmasked);
    this.reset();
  }

  /** Model time in nanoseconds. */
  get now(): number {
    return this.#timers.now;
  }

  /** Rules that the driver has broken so far; always empty unless `strict`. */
  get violations(): readonly Violation<IxgbeRule>[] {
    return this.#judge.violations;
  }

  clearViolations(): void {
    this.#judge.clear();
  }

  /** What is plugged into the port. */
  get wire(): WireEnd | undefined {
    return this.#link.wire;
  }

  set wire(wire: WireEnd | undefined) {
    this.#link.wire = wire;
    this.#link.follow();
  }

  /** Whether the link is up. */
  get linkUp(): boolean {
    return this.#link.up;
  }

  /** Frames that arrived while the receiver or their queue was off; no register counts them. */
  get discarded(): number {
    return this.#receive.discarded;
  }

  /** Accesses to memory that is not mapped, since the device was made; each was blocked. */
  get dmaFaults(): number {
    return this.#context.dmaFaults;
  }

  /** Called for each interrupt with its MSI-X vector, or 0 for the interrupt line. */
  set onInterrupt(handler: (vector: number) => void) {
    this.#interrupts.onInterrupt = handler;
  }

  /** Bytes in memory BAR `index`; 0 if there is none. */
  barSize(index: number): number {
    return index === 0 ? BAR0_SIZE : index === MSIX_BAR ? MSIX_BAR_SIZE : 0;
  }

  /** A driver's read of a register in BAR 0, with its side effects; unsigned. */
  readRegister(offset: number): number {
    checkRegisterOffset(offset, BAR0_SIZE);
    if (this.#gone()) return ALL_ONES;
    this.#control.watchAccess(offset);
    return this.#registers.read(offset);
  }

  /** A driver's write of a register in BAR 0, with its side effects. */
  writeRegister(offset: number, value: number): void {
    checkRegisterOffset(offset, BAR0_SIZE);
    if (this.#gone()) return;
    this.#control.watchAccess(offset);
    this.#registers.write(offset, value);
  }

  /** A driver's access to the MSI-X table in BAR 4. */
  readMsix(offset: number): number {
    checkRegisterOffset(offset, MSIX_BAR_SIZE);
    return this.#gone() ? ALL_ONES : this.#interrupts.msix.read(offset);
  }

  writeMsix(offset: number, value: number): void {
    checkRegisterOffset(offset, MSIX_BAR_SIZE);
    if (!this.#gone()) this.#interrupts.msix.write(offset, value);
  }

  /** Moves up to `budget` frames each way; returns how many moved. */
  step(budget: number): number {
    if (this.#removed) return 0;
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
      const { wire } = this.#link;
      if (wire && receive.listening) {
        receive.flowControl = wire.flowControl === true;
        moved += wire.poll(receive, budget, this.#timers.now);
        receive.finish();
      }
    }
    this.#interrupts.evaluate();
    if (this.faults.armed && moved > 0) this.#flap(moved);
    return moved;
  }

  /** Lets `nanoseconds` of model time pass. */
  advance(nanoseconds: number): void {
    this.advanceTo(this.#timers.now + nanoseconds);
  }

  /** Lets model time pass until `nanoseconds`; time never goes back. */
  advanceTo(nanoseconds: number): void {
    this.#timers.advanceTo(nanoseconds);
  }

  /** Power-on: every register, queue and counter as when the device was made, a second after the power came. */
  reset(): void {
    this.#removed = false;
    this.config.present = true;
    this.#timers.clear();
    this.config.reset();
    this.#control.reset();
    this.advance(POWER_UP_TIME);
  }

  #clear(): void {
    this.#interrupts.reset();
    this.#statistics.reset();
    this.#receive.reset();
    this.#transmit.reset();
    this.eeprom.reset();
    this.semaphores.reset();
    this.#link.stop();
  }

  #load(): void {
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

  /** Surprise removal: registers read as all ones from now on, and DMA stops. */
  #gone(): boolean {
    if (!this.#removed && this.faults.strikes('removal')) {
      this.#removed = true;
      this.config.present = false;
    }
    return this.#removed;
  }
}

/** How long the device has had power before anybody looks at it. */
const POWER_UP_TIME = 1e9;

function hexadecimal(value: number): string {
  return `0x${value.toString(16)}`;
}
