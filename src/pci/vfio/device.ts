/** A PCI device through VFIO: what an unprivileged process needs, if the IOMMU keeps the device from all other memory. */
import { IxyError } from '../../errors.ts';
import type { DmaDomain } from '../../memory/dma-memory.ts';
import { addon } from '../../native/addon.ts';
import { BusMaster } from '../bus-master.ts';
import { ConfigFile } from '../config-file.ts';
import type { SharedDevice } from '../device-share.ts';
import { machineClock } from '../machine-clock.ts';
import {
  PCI_COMMAND,
  PCI_COMMAND_IO,
  PCI_COMMAND_MEMORY,
  type PciConfigSpace,
  type PciDevice,
  type PciInterrupts,
  type RegisterFile,
} from '../pci-device.ts';
import type { PciDeviceInfo, Sysfs } from '../sysfs.ts';
import { regionInfo, VfioBars, type VfioShare } from './bars.ts';
import { type ContainerOptions, VfioContainer } from './container.ts';
import type { VfioGroup } from './group.ts';
import { kernelInterrupts, VfioInterrupts } from './interrupts.ts';
import { structs, VFIO } from './vfio-abi.ts';
import { ask } from './vfio-calls.ts';

export class VfioDevice implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode: number;
  readonly config: PciConfigSpace;
  readonly dma: DmaDomain;
  readonly clock = machineClock;
  readonly interrupts: PciInterrupts | undefined;
  readonly #container: VfioContainer;
  readonly #group: VfioGroup;
  readonly #bars: VfioBars;
  readonly #busMaster: BusMaster;
  readonly #resettable: boolean;
  #descriptor: number;

  /** Opens and resets the device. Throws `ERR_PERMISSION`, `ERR_DEVICE_BUSY`, `ERR_DEVICE_GONE`, `ERR_SYSTEM`. */
  static open(info: PciDeviceInfo, sysfs: Sysfs, options: ContainerOptions): VfioDevice {
    const [container, group] = VfioContainer.join(info, sysfs, options);
    let descriptor = -1;
    try {
      descriptor = group.openDevice(info.address);
      return new VfioDevice(info, container, group, descriptor);
    } catch (error) {
      if (descriptor >= 0) group.closeDevice(info.address, descriptor);
      container.leave(group);
      throw error;
    }
  }

  private constructor(info: PciDeviceInfo, container: VfioContainer, group: VfioGroup, descriptor: number) {
    this.address = info.address;
    this.vendorId = info.vendorId;
    this.deviceId = info.deviceId;
    this.numaNode = info.numaNode;
    this.dma = container.domain;
    this.#container = container;
    this.#group = group;
    this.#descriptor = descriptor;
    const open = () => this.#open();
    const { flags } = ask(descriptor, VFIO.DEVICE_GET_INFO, structs.device_info).fields;
    this.#resettable = (flags & VFIO.DEVICE_FLAGS_RESET) !== 0;
    const place = regionInfo(descriptor, VFIO.PCI_CONFIG_REGION_INDEX);
    this.config = new ConfigFile(info.address, open, place);
    this.#bars = new VfioBars(info.address, open);
    this.#busMaster = new BusMaster(this.config, open, place.offset);
    this.interrupts = VfioInterrupts.of(info.address, kernelInterrupts(open));
    this.#wake();
  }

  bar(index: number): RegisterFile {
    return this.#bars.get(index);
  }

  /** The kernel keeps the device for this process until the other thread, too, has unmapped its registers. */
  share(): SharedDevice {
    const data: VfioShare = { kind: 'vfio', address: this.address, descriptor: this.#open() };
    return { data, release: () => {} };
  }

  setBusMaster(enabled: boolean): void {
    this.#busMaster.set(enabled);
  }

  /** DMA ends first; then nothing refers to the device any more; then it is reset, for whoever comes next. */
  close(): void {
    if (this.#descriptor < 0) return;
    const steps = [
      () => this.setBusMaster(false),
      () => this.#busMaster.disarm(),
      () => this.interrupts?.disable(),
      () => this.#bars.close(),
      () => this.#reset(),
      () => this.#group.closeDevice(this.address, this.#descriptor),
      () => this.#container.leave(this.#group),
    ];
    const errors: unknown[] = [];
    for (const step of steps) {
      try {
        step();
      } catch (error) {
        errors.push(error);
      }
    }
    this.#descriptor = -1;
    if (errors.length > 0) throw errors[0];
  }

  #open(): number {
    if (this.#descriptor < 0) throw new IxyError('ERR_CLOSED', `${this.address}: the device is closed`);
    return this.#descriptor;
  }

  /** From whatever state a former user left it in, to one that answers. */
  #wake(): void {
    this.#reset();
    const command = this.config.read16(PCI_COMMAND);
    if (command === 0xffff) {
      throw new IxyError('ERR_DEVICE_GONE', `${this.address}: configuration space reads as all ones; is it powered?`);
    }
    this.config.write16(PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
  }

  #reset(): void {
    if (this.#resettable) addon().ioctl(this.#descriptor, VFIO.DEVICE_RESET);
  }
}
