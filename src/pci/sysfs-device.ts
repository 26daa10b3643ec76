/** A PCI device through sysfs: registers mapped from its resource files, DMA by physical addresses, no interrupts. */
import { closeSync } from 'node:fs';
import { checkInteger, IxyError } from '../errors.ts';
import type { DmaDomain } from '../memory/dma-memory.ts';
import { PhysicalDomain } from '../memory/physical-domain.ts';
import { addon } from '../native/addon.ts';
import { BusMaster } from './bus-master.ts';
import { ConfigFile } from './config-file.ts';
import { machineClock } from './machine-clock.ts';
import { MappedRegisters } from './mapped-registers.ts';
import {
  PCI_COMMAND,
  PCI_COMMAND_MEMORY,
  type PciConfigSpace,
  type PciDevice,
  type RegisterFile,
} from './pci-device.ts';
import type { PciDeviceInfo, Sysfs } from './sysfs.ts';
import { mapResource, openForWriting } from './sysfs-files.ts';

interface Bar {
  readonly mapping: ArrayBuffer;
  readonly registers: MappedRegisters;
}

export class SysfsDevice implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode: number;
  readonly config: PciConfigSpace;
  readonly dma: DmaDomain = PhysicalDomain.shared;
  readonly clock = machineClock;
  readonly #sysfs: Sysfs;
  readonly #bars = new Map<number, Bar>();
  #configFile: number;
  readonly #busMaster: BusMaster;

  /**
   * Opens the device and makes it answer to its memory addresses. `openPciDevice` has checked before that it is fit for
   * that. Throws `ERR_DEVICE_BUSY` if somebody else has it open, `ERR_PERMISSION`, or `ERR_DEVICE_GONE`.
   */
  constructor(info: PciDeviceInfo, sysfs: Sysfs) {
    this.address = info.address;
    this.vendorId = info.vendorId;
    this.deviceId = info.deviceId;
    this.numaNode = info.numaNode;
    this.#sysfs = sysfs;
    this.#configFile = openForWriting(info.address, sysfs.path(info.address, 'config'));
    this.config = new ConfigFile(info.address, () => this.#openConfigFile());
    this.#busMaster = new BusMaster(this.config, () => this.#openConfigFile());
    try {
      this.#claim();
    } catch (error) {
      closeSync(this.#configFile);
      throw error;
    }
  }

  bar(index: number): RegisterFile {
    this.#openConfigFile();
    checkInteger(`${this.address}: index of a BAR`, index, 0, 5);
    let bar = this.#bars.get(index);
    if (!bar) {
      const mapping = mapResource(this.address, this.#sysfs.path(this.address, `resource${index}`));
      bar = { mapping, registers: new MappedRegisters(this.address, mapping) };
      this.#bars.set(index, bar);
    }
    return bar.registers;
  }

  setBusMaster(enabled: boolean): void {
    this.#busMaster.set(enabled);
  }

  close(): void {
    if (this.#configFile < 0) return;
    try {
      this.setBusMaster(false);
    } finally {
      this.#busMaster.disarm();
      for (const { mapping } of this.#bars.values()) addon().munmap(mapping);
      this.#bars.clear();
      closeSync(this.#configFile);
      this.#configFile = -1;
    }
  }

  #openConfigFile(): number {
    if (this.#configFile < 0) throw new IxyError('ERR_CLOSED', `${this.address}: the device is closed`);
    return this.#configFile;
  }

  #claim(): void {
    if (!addon().tryLock(this.#configFile)) {
      throw new IxyError('ERR_DEVICE_BUSY', `${this.address}: ixy.ts drives it already, in this or another process`);
    }
    const command = this.config.read16(PCI_COMMAND);
    if (command === 0xffff) {
      throw new IxyError('ERR_DEVICE_GONE', `${this.address}: configuration space reads as all ones; is it powered?`);
    }
    this.config.write16(PCI_COMMAND, command | PCI_COMMAND_MEMORY);
  }
}
