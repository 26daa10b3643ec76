/**
 * A PCI device through sysfs: registers from its resource files, DMA by physical addresses. Bound to uio_pci_generic it has
 * an interrupt line, otherwise none.
 */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { IxyError } from '../errors.ts';
import type { DmaDomain } from '../memory/dma-memory.ts';
import { PhysicalDomain } from '../memory/physical-domain.ts';
import { addon } from '../native/addon.ts';
import { BusMaster } from './bus-master.ts';
import { ConfigFile } from './config-file.ts';
import type { SharedDevice } from './device-share.ts';
import { machineClock } from './machine-clock.ts';
import {
  PCI_COMMAND,
  PCI_COMMAND_IO,
  PCI_COMMAND_MEMORY,
  type PciConfigSpace,
  type PciDevice,
  type PciInterrupts,
  type RegisterFile,
} from './pci-device.ts';
import type { PciDeviceInfo, Sysfs } from './sysfs.ts';
import { SysfsBars, type SysfsShare } from './sysfs-bars.ts';
import { openForWriting } from './sysfs-files.ts';
import { UioInterrupts } from './uio-interrupts.ts';

export class SysfsDevice implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode: number;
  readonly config: PciConfigSpace;
  readonly dma: DmaDomain = PhysicalDomain.shared;
  readonly clock = machineClock;
  readonly #sysfs: Sysfs;
  readonly #bars: SysfsBars;
  readonly #uio: UioInterrupts | undefined;
  #configFile: number;
  readonly #busMaster: BusMaster;

  /**
   * Opens the device and makes it answer to its memory addresses. `openPciDevice` has checked before that it is fit for
   * that. `devices` is there for tests. Throws `ERR_DEVICE_BUSY` if somebody else has it open, `ERR_PERMISSION`, or `ERR_DEVICE_GONE`.
   */
  constructor(info: PciDeviceInfo, sysfs: Sysfs, devices = '/dev') {
    this.address = info.address;
    this.vendorId = info.vendorId;
    this.deviceId = info.deviceId;
    this.numaNode = info.numaNode;
    this.#configFile = openForWriting(info.address, sysfs.path(info.address, 'config'));
    this.config = new ConfigFile(info.address, () => this.#openConfigFile());
    this.#busMaster = new BusMaster(this.config, () => this.#openConfigFile());
    this.#sysfs = sysfs;
    this.#bars = new SysfsBars(info.address, sysfs, () => this.#openConfigFile());
    try {
      this.#claim();
      const uio = sysfs.uioName(info.address);
      this.#uio = uio === undefined ? undefined : new UioInterrupts(info.address, join(devices, uio), this.config);
    } catch (error) {
      closeSync(this.#configFile);
      throw error;
    }
  }

  get interrupts(): PciInterrupts | undefined {
    return this.#uio;
  }

  bar(index: number): RegisterFile {
    return this.#bars.get(index);
  }

  share(): SharedDevice {
    this.#openConfigFile();
    const data: SysfsShare = { kind: 'sysfs', address: this.address, root: this.#sysfs.under() };
    return { data, release: () => {} };
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
      this.#bars.close();
      this.#uio?.close();
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
    this.config.write16(PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
  }
}
