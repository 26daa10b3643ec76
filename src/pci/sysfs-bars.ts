/** The BARs of a device through its resource files: memory is mapped, I/O ports are read and written. */
import { closeSync, fstatSync } from 'node:fs';
import { checkInteger } from '../errors.ts';
import { addon } from '../native/addon.ts';
import { attachBars } from './attached-bars.ts';
import type { AttachedDevice, DeviceShare } from './device-share.ts';
import { FileRegisters } from './file-registers.ts';
import { MappedRegisters } from './mapped-registers.ts';
import type { RegisterFile } from './pci-device.ts';
import { Sysfs } from './sysfs.ts';
import { mapResource, openResource } from './sysfs-files.ts';

/** What `SysfsDevice.share` sends. */
export interface SysfsShare extends DeviceShare {
  readonly kind: 'sysfs';
  /** Where sysfs is mounted. */
  readonly root: string;
}

/** The device in another thread, which opens its resource files again, and needs leave to do so. Throws as `SysfsBars.get`. */
export function attachSysfsDevice({ address, root }: SysfsShare): AttachedDevice {
  return attachBars(address, (assertOpen) => new SysfsBars(address, new Sysfs(root), assertOpen));
}

export class SysfsBars {
  readonly #address: string;
  readonly #sysfs: Sysfs;
  readonly #assertOpen: () => void;
  readonly #bars = new Map<number, RegisterFile>();
  readonly #releases: (() => void)[] = [];

  /** `assertOpen` throws once the device is closed. */
  constructor(address: string, sysfs: Sysfs, assertOpen: () => void) {
    this.#address = address;
    this.#sysfs = sysfs;
    this.#assertOpen = assertOpen;
  }

  /** Throws `ERR_ARGUMENT` if the device has no such BAR, `ERR_PERMISSION`, `ERR_SYSTEM`. */
  get(index: number): RegisterFile {
    this.#assertOpen();
    checkInteger(`${this.#address}: index of a BAR`, index, 0, 5);
    let bar = this.#bars.get(index);
    if (!bar) {
      const path = this.#sysfs.path(this.#address, `resource${index}`);
      bar = this.#sysfs.isIoPort(this.#address, index) ? this.#ports(path) : this.#memory(path);
      this.#bars.set(index, bar);
    }
    return bar;
  }

  close(): void {
    for (const release of this.#releases.splice(0)) release();
    this.#bars.clear();
  }

  #memory(path: string): RegisterFile {
    const mapping = mapResource(this.#address, path);
    this.#releases.push(() => addon().munmap(mapping));
    return new MappedRegisters(this.#address, mapping);
  }

  #ports(path: string): RegisterFile {
    const descriptor = openResource(this.#address, path);
    this.#releases.push(() => closeSync(descriptor));
    const open = (): number => {
      this.#assertOpen();
      return descriptor;
    };
    return new FileRegisters(this.#address, open, 0, fstatSync(descriptor).size);
  }
}
