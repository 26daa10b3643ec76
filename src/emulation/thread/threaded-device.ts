/** An emulated NIC on a thread of its own, in real time, as a PciDevice. */
import { checkInteger, IxyError } from '../../errors.ts';
import { setBusMasterBit } from '../../pci/bus-master.ts';
import type { SharedDevice } from '../../pci/device-share.ts';
import { machineClock } from '../../pci/machine-clock.ts';
import type { PciConfigSpace, PciDevice, PciInterrupts, RegisterFile } from '../../pci/pci-device.ts';
import { barRegisters, type RegisterAccess } from '../bar-registers.ts';
import type { AccessBytes, ModelBar } from '../device-model.ts';
import type { EmulatedDomain } from '../iommu.ts';
import type { FaultOf, ModelKind, ModelOptions, RuleOf } from '../models.ts';
import type { WireSpec } from '../wires/index.ts';
import type { ThreadedShare } from './attached-device.ts';
import { EmulationThread } from './emulation-thread.ts';
import * as protocol from './protocol.ts';
import { ThreadedInterrupts } from './threaded-interrupts.ts';

interface ThreadOptions<Kind extends ModelKind> {
  /** What is emulated. Default 'ixgbe'. */
  readonly model?: Kind;
  /** Name in messages. Default 'emulated:' and the model. */
  readonly address?: string;
  /** Record the rules that the driver breaks; see `inspect`. Default false: it costs speed. */
  readonly strict?: boolean;
  /** What is plugged into the port. Default: nothing, the link stays down. */
  readonly wire?: WireSpec;
  /** Default: the one that all devices share which are not given another. */
  readonly thread?: EmulationThread;
}

/** With the options of the model itself. */
export type ThreadedDeviceOptions<Kind extends ModelKind = 'ixgbe'> = ThreadOptions<Kind> & ModelOptions<Kind>;

export class ThreadedPciDevice<Kind extends ModelKind = 'ixgbe'> implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode = -1;
  readonly config: PciConfigSpace;
  readonly dma: EmulatedDomain;
  readonly clock = machineClock;
  readonly interrupts: PciInterrupts;
  readonly #thread: EmulationThread;
  readonly #device: number;
  readonly #modelBars: ReadonlyMap<number, ModelBar>;
  readonly #bars: ReadonlyMap<number, RegisterFile>;
  #closed = false;

  /** Throws `ERR_ARGUMENT` and whatever the wire's constructor throws. */
  constructor(options: ThreadedDeviceOptions<Kind> = {}) {
    const model = (options.model ?? 'ixgbe') as Kind;
    const { address = `emulated:${model}`, wire, thread = EmulationThread.named() } = options;
    this.address = address;
    this.#thread = thread;
    // All options go to the model, which takes its own; but a thread could not be sent.
    const modelOptions: ModelOptions<Kind> = { ...options, thread: undefined };
    const { device, bars } = thread.open({ model, wire, options: modelOptions });
    this.#device = device;
    this.#modelBars = bars;
    this.dma = thread.domain;
    const access: RegisterAccess = {
      read: (bar, offset, bytes) => this.#read(bar, offset, bytes),
      write: (bar, offset, bytes, value) => this.#write(bar, offset, bytes, value),
    };
    this.#bars = new Map(Array.from(bars, ([index, bar]) => [index, barRegisters(address, index, bar, access)]));
    this.config = this.#configSpace();
    this.interrupts = new ThreadedInterrupts({
      config: this.config,
      bar: (index) => this.bar(index),
      announce: (descriptors) => this.#thread.command({ kind: 'interrupts', device: this.#device, descriptors }),
    });
    this.vendorId = this.config.read16(0);
    this.deviceId = this.config.read16(2);
  }

  bar(index: number): RegisterFile {
    const file = this.#bars.get(index);
    if (!file) throw new IxyError('ERR_ARGUMENT', `${this.address}: the device has no BAR ${index}`);
    return file;
  }

  share(): SharedDevice {
    this.#checkOpen();
    const { share: mailbox, remove } = this.#thread.addMailbox();
    const data: ThreadedShare = {
      kind: 'threaded',
      address: this.address,
      device: this.#device,
      bars: this.#modelBars,
      mailbox,
    };
    return { data, release: remove };
  }

  setBusMaster(enabled: boolean): void {
    setBusMasterBit(this.config, enabled);
  }

  /** Broken rules, link and uncounted frames, as they are now. */
  inspect(): protocol.DeviceInspection<RuleOf<Kind>> {
    const answer = this.#thread.command({ kind: 'inspect', device: this.#device });
    if (answer.kind === 'inspection') return answer.inspection as protocol.DeviceInspection<RuleOf<Kind>>;
    throw new IxyError('ERR_DEVICE_GONE', `${this.address}: the device gave no account of itself`);
  }

  injectFault(fault: FaultOf<Kind>): void {
    this.#thread.command({ kind: 'inject', device: this.#device, fault });
  }

  /** Disarms one kind of fault, or all. */
  clearFaults(fault?: FaultOf<Kind>['kind']): void {
    this.#thread.command({ kind: 'clear-faults', device: this.#device, fault });
  }

  close(): void {
    if (this.#closed) return;
    try {
      this.interrupts.disable();
    } catch {
      // The thread has ended, and adds to no eventfd any more.
    }
    this.#closed = true;
    this.#thread.close(this.#device);
  }

  #read(space: number, offset: number, bytes: AccessBytes): number {
    this.#checkOpen();
    return this.#thread.read(this.#device, space, offset, bytes);
  }

  #write(space: number, offset: number, bytes: AccessBytes, value: number): void {
    this.#checkOpen();
    this.#thread.write(this.#device, space, offset, bytes, value);
  }

  #checkOpen(): void {
    if (this.#closed) throw new IxyError('ERR_CLOSED', `${this.address}: the device is closed`);
  }

  #configSpace(): PciConfigSpace {
    const read = (bytes: AccessBytes) => (offset: number) =>
      this.#read(protocol.CONFIG_SPACE, checkedConfigOffset(offset), bytes);
    const write = (bytes: AccessBytes) => (offset: number, value: number) =>
      this.#write(protocol.CONFIG_SPACE, checkedConfigOffset(offset), bytes, value);
    return {
      read8: read(1),
      read16: read(2),
      read32: read(4),
      write8: write(1),
      write16: write(2),
      write32: write(4),
    };
  }
}

/** As far as the mailbox needs: the model knows the size. */
function checkedConfigOffset(offset: number): number {
  checkInteger('an offset in configuration space', offset, 0, 0xffff);
  return offset;
}
