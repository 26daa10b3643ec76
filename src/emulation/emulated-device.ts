/** An emulated NIC as a PciDevice on the caller's thread, in virtual time. */
import { IxyError } from '../errors.ts';
import {
  type DeviceClock,
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  type PciConfigSpace,
  type PciDevice,
  type PciInterrupts,
  type RegisterFile,
} from '../pci/pci-device.ts';
import { wordRegisters } from '../pci/word-registers.ts';
import { EmulatedDomain } from './iommu.ts';
import { MSIX_BAR } from './ixgbe/config.ts';
import { macBytes } from './ixgbe/mac-bytes.ts';
import { DEFAULT_MAC, IXGBE_82599_SFP, IxgbeModel } from './ixgbe/model.ts';
import { Simulation } from './simulation.ts';
import { SteppedInterrupts } from './stepped-interrupts.ts';
import type { WireEnd } from './wire.ts';

export interface EmulatedDeviceOptions {
  /** Name in messages. Default 'emulated:ixgbe'. */
  readonly address?: string;
  /** MAC address in the EEPROM, 'aa:bb:cc:dd:ee:ff'. Default 02:00:00:82:59:90. */
  readonly mac?: string;
  readonly deviceId?: number;
  /** Record the datasheet's rules that the driver breaks, in `model.violations`. Default true. */
  readonly strict?: boolean;
  /** What is plugged into the port; the device closes it. Default: nothing, the link stays down. */
  readonly wire?: WireEnd;
  /** Devices that exchange frames share one. Default: one of its own. */
  readonly simulation?: Simulation;
  /** Default: the domain that all emulated devices share. */
  readonly domain?: EmulatedDomain;
  /** What the slot offers: messages, or the interrupt line alone. Default 'msix'. */
  readonly interrupts?: 'msix' | 'intx';
}

export class EmulatedPciDevice implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode = -1;
  readonly config: PciConfigSpace;
  readonly dma: EmulatedDomain;
  readonly clock: DeviceClock;
  readonly model: IxgbeModel;
  readonly simulation: Simulation;
  readonly interrupts: PciInterrupts;
  readonly #bars = new Map<number, RegisterFile>();
  #closed = false;

  constructor(options: EmulatedDeviceOptions = {}) {
    const { address = 'emulated:ixgbe', mac = DEFAULT_MAC, deviceId = IXGBE_82599_SFP, strict = true } = options;
    this.address = address;
    this.simulation = options.simulation ?? new Simulation();
    this.dma = options.domain ?? EmulatedDomain.shared;
    this.model = new IxgbeModel({ mac: macBytes(mac), deviceId, strict, regions: this.dma.regions });
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
    const size = this.model.barSize(index);
    if (size === 0) throw new IxyError('ERR_ARGUMENT', `${this.address}: the device has no memory BAR ${index}`);
    const { model } = this;
    const msix = index === MSIX_BAR;
    const file = wordRegisters(this.address, {
      size,
      read32: msix ? (offset) => model.readMsix(offset) : (offset) => model.readRegister(offset),
      write32: msix
        ? (offset, value) => model.writeMsix(offset, value)
        : (offset, value) => model.writeRegister(offset, value),
      doorbells: msix ? new Int32Array(0) : model.doorbells,
    });
    this.#bars.set(index, file);
    return file;
  }

  setBusMaster(enabled: boolean): void {
    const others = this.config.read16(PCI_COMMAND) & ~PCI_COMMAND_BUS_MASTER;
    this.config.write16(PCI_COMMAND, enabled ? others | PCI_COMMAND_BUS_MASTER : others);
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
