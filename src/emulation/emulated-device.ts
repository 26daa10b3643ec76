/** An emulated NIC as a PciDevice on the caller's thread, in virtual time. */
import { IxyError } from '../errors.ts';
import { setBusMasterBit } from '../pci/bus-master.ts';
import type { DeviceClock, PciConfigSpace, PciDevice, PciInterrupts, RegisterFile } from '../pci/pci-device.ts';
import { barRegisters } from './bar-registers.ts';
import { EmulatedDomain } from './iommu.ts';
import { createModel, type ModelKind, type ModelOf, type ModelOptions } from './models.ts';
import { Simulation } from './simulation.ts';
import { SteppedInterrupts } from './stepped-interrupts.ts';
import type { WireEnd } from './wire.ts';

interface SteppedOptions<Kind extends ModelKind> {
  /** What is emulated. Default 'ixgbe'. */
  readonly model?: Kind;
  /** Name in messages. Default 'emulated:' and the model. */
  readonly address?: string;
  /** Record the rules that the driver breaks, in `model.violations`. Default true. */
  readonly strict?: boolean;
  /** What is plugged into the port; the device closes it. Default: nothing, the link stays down. */
  readonly wire?: WireEnd;
  /** Devices that exchange frames share one. Default: one of its own. */
  readonly simulation?: Simulation;
  /** Default: the domain that all emulated devices share. */
  readonly domain?: EmulatedDomain;
  /** What the slot offers: messages, if the device has them, or the interrupt line alone. Default 'msix'. */
  readonly interrupts?: 'msix' | 'intx';
}

/** With the options of the model itself. */
export type EmulatedDeviceOptions<Kind extends ModelKind = 'ixgbe'> = SteppedOptions<Kind> & ModelOptions<Kind>;

export class EmulatedPciDevice<Kind extends ModelKind = 'ixgbe'> implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode = -1;
  readonly config: PciConfigSpace;
  readonly dma: EmulatedDomain;
  readonly clock: DeviceClock;
  readonly model: ModelOf<Kind>;
  readonly simulation: Simulation;
  readonly interrupts: PciInterrupts;
  readonly #bars = new Map<number, RegisterFile>();
  #closed = false;

  /** Throws `ERR_ARGUMENT`. */
  constructor(options: EmulatedDeviceOptions<Kind> = {}) {
    const kind = (options.model ?? 'ixgbe') as Kind;
    const { address = `emulated:${kind}`, strict = true } = options;
    this.address = address;
    this.simulation = options.simulation ?? new Simulation();
    this.dma = options.domain ?? EmulatedDomain.shared;
    this.model = createModel(kind, { ...options, strict }, this.dma.regions);
    this.model.wire = options.wire;
    this.simulation.add(this.model);
    this.config = this.model.config;
    this.clock = this.simulation.clock;
    this.interrupts = new SteppedInterrupts(this.model, this.simulation, options.interrupts ?? 'msix');
    this.vendorId = this.config.read16(0);
    this.deviceId = this.config.read16(2);
  }

  bar(index: number): RegisterFile {
    if (this.#closed) throw new IxyError('ERR_CLOSED', `${this.address}: the device is closed`);
    const known = this.#bars.get(index);
    if (known) return known;
    const bar = this.model.bars.get(index);
    if (!bar) throw new IxyError('ERR_ARGUMENT', `${this.address}: the device has no BAR ${index}`);
    const file = barRegisters(this.address, index, bar, this.model);
    this.#bars.set(index, file);
    return file;
  }

  setBusMaster(enabled: boolean): void {
    setBusMasterBit(this.config, enabled);
  }

  /** Moves up to `budget` frames each way in this and all linked devices; returns how many moved. */
  step(budget?: number): number {
    return this.simulation.step(budget);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.setBusMaster(false);
    this.interrupts.disable();
    this.simulation.remove(this.model);
    this.model.wire?.close();
  }
}
