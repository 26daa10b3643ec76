/** A virtio-net device, written from the specification (virtio 1.2) and apart from any driver: the judge of drivers. */
import { controlQueueIndex } from '../../datasheet/virtio/net.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER } from '../../pci/pci-device.ts';
import type { ConfigSpace } from '../config-space.ts';
import type { AccessBytes, DeviceModel, ModelBar } from '../device-model.ts';
import type { DmaRegions } from '../dma-regions.ts';
import { Faults } from '../faults.ts';
import { Judge, type Violation } from '../judge.ts';
import { isGone } from '../removal.ts';
import { Timers } from '../timers.ts';
import type { WireEnd } from '../wire.ts';
import type { VirtioContext } from './context.ts';
import type { VirtioNetFault } from './faults.ts';
import { Negotiation } from './negotiation.ts';
import { Control } from './net/control.ts';
import { ReceiveFilter } from './net/filter.ts';
import type { RssTable } from './net/hash-commands.ts';
import { Link } from './net/link.ts';
import { NetConfig } from './net/net-config.ts';
import { Steering } from './net/steering.ts';
import { Traffic } from './net/traffic.ts';
import { checkVirtioNetOptions, type VirtioNetOptions } from './options.ts';
import { Bars } from './pci/bars.ts';
import type { DeviceParts } from './pci/common-registers.ts';
import { virtioConfigSpace } from './pci/config.ts';
import { ConfigWindow } from './pci/config-window.ts';
import { fieldWatcher } from './pci/field-watcher.ts';
import { VirtioInterrupts } from './pci/interrupts.ts';
import { type QueueSlot, Queues } from './queues.ts';
import { VIRTIO_NET_RULES, type VirtioNetJudge, type VirtioNetRule } from './rules.ts';
import { DeviceStatus } from './status.ts';

/** How long the device has had power before anybody looks at it. */
const POWER_UP_TIME = 1e9;

/** Status, registers, queues, wire, and what it has noticed about its driver. */
export class VirtioNetModel implements DeviceModel<VirtioNetFault, VirtioNetRule> {
  readonly config: ConfigSpace;
  readonly bars: ReadonlyMap<number, ModelBar>;
  readonly faults = new Faults<VirtioNetFault>();
  readonly #timers = new Timers();
  readonly #judge: VirtioNetJudge;
  readonly #context: VirtioContext;
  readonly #bars: Bars;
  readonly #window: ConfigWindow;
  readonly #interrupts: VirtioInterrupts;
  readonly #netConfig: NetConfig;
  readonly #link: Link;
  readonly #filter = new ReceiveFilter();
  readonly #steering = new Steering();
  readonly #negotiation: Negotiation;
  readonly #status: DeviceStatus;
  readonly #queues: Queues;
  readonly #traffic: Traffic;
  readonly #control: Control;
  #controlQueue: QueueSlot | undefined;
  #mayMaster = false;
  /** A driver has had the device live: what arrives from now on is not for a later one. */
  #wasLive = false;

  /** `regions`: what it can reach. Throws `ERR_ARGUMENT`. */
  constructor(options: VirtioNetOptions, regions: DmaRegions) {
    const setup = checkVirtioNetOptions(options);
    this.config = virtioConfigSpace(setup.kind, setup.vectors);
    this.#judge = new Judge(VIRTIO_NET_RULES, this.#timers, setup.strict);
    const context: VirtioContext = {
      setup,
      config: this.config,
      regions,
      timers: this.#timers,
      judge: this.#judge,
      faults: this.faults,
      dmaFaults: 0,
      queueBroken: () => this.#status.needReset(),
    };
    this.#context = context;
    const watcher = fieldWatcher(this.#judge);
    this.#interrupts = new VirtioInterrupts(context);
    this.#netConfig = new NetConfig(context, watcher);
    this.#netConfig.onMac = (mac) => this.#filter.setAddress(mac);
    this.#link = new Link(context, this.#netConfig, () => this.#tellOfChange());
    this.#negotiation = new Negotiation(context);
    this.#status = new DeviceStatus(context, this.#negotiation, {
      reset: () => this.#clear(),
      started: () => this.#start(),
      failed: () => this.#interrupts.configChanged(),
    });
    this.#queues = new Queues(context, this.#negotiation, this.#status, (slot) => this.#connect(slot));
    this.#traffic = new Traffic(context, this.#interrupts, this.#filter, this.#steering);
    this.#control = new Control(context, this.#negotiation, {
      filter: this.#filter,
      setMac: (mac) => this.#setMac(mac),
      setPairs: (pairs) => this.#setPairs(pairs),
      maximumPairs: setup.queuePairs,
      setRss: (pairs, needed, table) => this.#setRss(pairs, needed, table),
      setHash: (types, key) => this.#steering.hash.configure(types, key),
      announced: () => this.#link.acknowledge(),
    });
    this.#bars = new Bars(this.#parts(), watcher);
    this.bars = this.#bars.all;
    this.#window = new ConfigWindow(context, this.#bars);
    this.#connectConfig();
    this.reset();
  }

  get now(): number {
    return this.#timers.now;
  }

  get violations(): readonly Violation<VirtioNetRule>[] {
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

  /** Frames that arrived and did not reach the driver: virtio has no counters of them. */
  get discarded(): number {
    return this.#traffic.discarded;
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

  read(bar: number, offset: number, bytes: AccessBytes): number {
    return isGone(this.config, this.faults) ? 2 ** (8 * bytes) - 1 : this.#bars.read(bar, offset, bytes);
  }

  write(bar: number, offset: number, bytes: AccessBytes, value: number): void {
    if (!isGone(this.config, this.faults)) this.#bars.write(bar, offset, bytes, value);
  }

  /** Asks the driver to tell its neighbours where it is, as after a migration (5.1.6.5.4). */
  announce(): void {
    if (this.#negotiation.has('GUEST_ANNOUNCE')) this.#link.announce();
  }

  pollDoorbells(_bar: number, doorbells: Int32Array | undefined): void {
    this.#bars.pollDoorbells(doorbells);
  }

  step(budget: number): number {
    if (!this.config.present) return 0;
    this.#link.follow();
    this.#bars.listen();
    const { wire } = this.#link;
    if (!this.#status.live || !this.#mayMaster) return this.#idle(budget);
    this.#runControl();
    if (!wire || !this.#link.up) return 0;
    let moved = this.#traffic.send(wire, budget);
    moved += this.#traffic.receive(wire, budget);
    if (this.faults.armed) for (let i = 0; i < moved; i++) this.#misbehave();
    return moved;
  }

  advance(nanoseconds: number): void {
    this.advanceTo(this.#timers.now + nanoseconds);
  }

  advanceTo(nanoseconds: number): void {
    this.#timers.advanceTo(nanoseconds);
  }

  /** Power-on: everything as when the device was made, a second after the power came. */
  reset(): void {
    this.#wasLive = false;
    this.config.present = true;
    this.config.reset();
    this.#mayMaster = false;
    this.#interrupts.msix?.reset();
    this.#status.clear();
    this.#clear();
    this.#timers.clear();
    this.advance(POWER_UP_TIME);
  }

  /** The device as after a reset by its driver. */
  #clear(): void {
    this.#negotiation.reset();
    this.#queues.reset();
    this.#traffic.reset();
    this.#controlQueue = undefined;
    this.#bars.reset();
    this.#interrupts.reset();
    this.#filter.reset();
    this.#filter.setAddress(this.#context.setup.mac);
    this.#steering.reset();
    this.#netConfig.reset();
    this.#link.reset();
  }

  #start(): void {
    this.#filter.byAddress = this.#negotiation.has('CTRL_RX');
    this.#filter.byVlan = this.#negotiation.has('CTRL_VLAN');
    this.#interrupts.inspect();
    this.#queues.inspect();
    this.#wasLive = true;
  }

  /** A queue has come into being, or is no more. */
  #connect(slot: QueueSlot): void {
    const { pairs, features } = this.#negotiation;
    if (slot.index === controlQueueIndex(pairs)) this.#controlQueue = slot;
    else this.#traffic.connect(slot, features);
  }

  #runControl(): void {
    const slot = this.#controlQueue;
    if (slot?.queue && this.#control.run(slot.queue)) this.#interrupts.queueUsed(slot.choice.vector);
  }

  #setMac(mac: Uint8Array): void {
    this.#filter.setAddress(mac);
    this.#netConfig.setMac(mac);
  }

  #setPairs(pairs: number): boolean {
    if (!this.#traffic.hasPairs(pairs)) return false;
    this.#steering.steerAutomatically(pairs);
    return true;
  }

  #setRss(pairs: number, needed: number, table: RssTable): boolean {
    if (!this.#traffic.hasPairs(needed)) return false;
    this.#steering.steerByTable(pairs, table);
    return true;
  }

  #tellOfChange(): void {
    if (this.#status.live && this.#negotiation.has('STATUS')) this.#interrupts.configChanged();
  }

  /** Without permission to do DMA, or a driver, nothing moves; a device that is live meanwhile is worth a remark. */
  #idle(budget: number): number {
    const { wire } = this.#link;
    if (this.#status.live) this.#judge.record('dma.bus-master');
    else if (this.#wasLive && wire && this.#link.up && !wire.flowControl) this.#traffic.drain(wire, budget);
    return 0;
  }

  #misbehave(): void {
    if (this.faults.strikes('needs-reset')) this.#status.needReset();
    const fault = this.faults.strikes('link-flap');
    if (fault) this.#link.flap(fault.nanoseconds);
  }

  #connectConfig(): void {
    const { config } = this;
    config.onRead = (offset) => this.#window.beforeRead(offset);
    config.onWrite = (offset) => {
      this.#mayMaster = (config.read16(PCI_COMMAND) & PCI_COMMAND_BUS_MASTER) !== 0;
      this.#interrupts.updateLine();
      if (this.#interrupts.usesMessages) this.#interrupts.msix?.sendPending();
      this.#window.afterWrite(offset);
    };
  }

  #parts(): DeviceParts {
    return {
      context: this.#context,
      negotiation: this.#negotiation,
      status: this.#status,
      queues: this.#queues,
      interrupts: this.#interrupts,
      netConfig: this.#netConfig,
    };
  }
}
