/** What a kernel does when somebody writes to a FakeSysfs: drivers leave devices, and take them. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IxyError } from '../../src/errors.ts';
import type { SystemControl } from '../../src/pci/system-control.ts';
import type { FakeSysfs } from './fake-sysfs.ts';
import { temporaryDirectory } from './process.ts';

export class FakeKernel implements SystemControl {
  /** Stands for /dev. */
  readonly devices = temporaryDirectory();
  /** Everything asked for, in order. */
  readonly log: string[] = [];
  /** Drivers that are loaded; modules that can be, with the driver each brings. */
  readonly drivers: Set<string>;
  readonly modules: Map<string, string>;
  /** Users, by name. */
  readonly users: Readonly<Record<string, number>> = { me: 1000 };
  /** A user who may not write. */
  unprivileged = false;
  /** Drivers that fail to take a device. */
  readonly failing = new Set<string>();
  readonly #fake: FakeSysfs;
  readonly #ownDriver: string;

  /** `ownDriver` is the kernel's for every device. */
  constructor(fake: FakeSysfs, ownDriver = 'ixgbe') {
    this.#fake = fake;
    this.#ownDriver = ownDriver;
    this.drivers = new Set([ownDriver]);
    this.modules = new Map([
      ['vfio-pci', 'vfio-pci'],
      ['vfio_iommu_type1', ''],
      ['uio_pci_generic', 'uio_pci_generic'],
    ]);
  }

  checkWritable(path: string): void {
    if (this.unprivileged) throw new IxyError('ERR_PERMISSION', `may not change ${path}; run as root`);
  }

  write(path: string, value: string): void {
    const name = path.slice(this.#fake.root.length + 1);
    this.log.push(`${name} = ${value.trim()}`);
    if (name === 'bus/pci/drivers_probe') this.#probe(value);
    else if (name.endsWith('/driver/unbind')) rmSync(this.#fake.path(value, 'driver'));
    else writeFileSync(path, value);
  }

  loadModule(name: string): void {
    this.log.push(`load ${name}`);
    const driver = this.modules.get(name);
    if (driver === undefined) throw new IxyError('ERR_SYSTEM', `kernel module ${name} could not be loaded: not found`);
    mkdirSync(this.#fake.sysfs.under('module', name), { recursive: true });
    if (driver !== '') this.drivers.add(driver);
  }

  settle(): void {
    this.log.push('settle');
  }

  userId(name: string): number {
    const id = this.users[name];
    if (id === undefined) throw new IxyError('ERR_ARGUMENT', `'${name}' must be a user of this machine`);
    return id;
  }

  giveTo(userId: number, path: string): void {
    this.log.push(`${path.slice(this.devices.length + 1)} to ${userId}`);
  }

  #probe(address: string): void {
    if (existsSync(this.#fake.path(address, 'driver'))) return;
    const override = readFileSync(this.#fake.path(address, 'driver_override'), 'utf8').trim();
    const driver = override || this.#ownDriver;
    if (!this.drivers.has(driver) || this.failing.has(driver)) return;
    const directory = this.#fake.sysfs.under('bus/pci/drivers', driver);
    mkdirSync(directory, { recursive: true });
    symlinkSync(directory, this.#fake.path(address, 'driver'));
    if (driver !== this.#ownDriver) rmSync(this.#fake.path(address, 'net'), { recursive: true, force: true });
    const group = this.#fake.sysfs.device(address).iommuGroup;
    if (driver === 'vfio-pci' && group) {
      mkdirSync(join(this.devices, 'vfio'), { recursive: true });
      writeFileSync(join(this.devices, 'vfio', `${group.number}`), '');
    }
  }
}
