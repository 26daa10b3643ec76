/** What Linux tells about PCI devices in /sys (Documentation/ABI/testing/sysfs-bus-pci). Reads only; opens no device. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/** IORESOURCE_IO, in the flags of a resource (linux/ioport.h). */
const RESOURCE_IO = 0x100;

/** Base class of network controllers: the upper byte of the class code (PCI Code and ID Assignment, section 1.3). */
const CLASS_NETWORK = 0x02;

export interface IommuGroup {
  readonly number: number;
  /** How it translates: 'DMA', 'DMA-FQ' (both only what a driver mapped), 'identity' (not at all), … */
  readonly type: string;
}

export interface PciDeviceInfo {
  /** '0000:03:00.0' */
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits: base class, subclass, programming interface. */
  readonly classCode: number;
  /** Name of the kernel driver that is bound. */
  readonly driver: string | undefined;
  /** Undefined without an IOMMU. */
  readonly iommuGroup: IommuGroup | undefined;
  /** −1 where the machine does not say. */
  readonly numaNode: number;
  /** The kernel's network interfaces on it, such as 'eth0'. */
  readonly interfaces: readonly string[];
}

export function isNetworkDevice(info: PciDeviceInfo): boolean {
  return info.classCode >>> 16 === CLASS_NETWORK;
}

export class Sysfs {
  readonly #root: string;

  /** `root` is there for tests. */
  constructor(root = '/sys') {
    this.#root = root;
  }

  /** Path of a device's directory, or of a file in it. */
  path(address: string, ...names: string[]): string {
    return this.under('bus/pci/devices', address, ...names);
  }

  /** Path of anything in /sys. */
  under(...names: string[]): string {
    return join(this.#root, ...names);
  }

  /** Addresses of all PCI devices, ascending. Empty on a machine without PCI. */
  addresses(): string[] {
    const directory = this.path('.');
    return existsSync(directory) ? readdirSync(directory).sort() : [];
  }

  has(address: string): boolean {
    return existsSync(this.path(address));
  }

  /** Throws the file system's error if there is no such device. */
  device(address: string): PciDeviceInfo {
    return {
      address,
      vendorId: this.#number(address, 'vendor'),
      deviceId: this.#number(address, 'device'),
      classCode: this.#number(address, 'class'),
      driver: this.driver(address),
      iommuGroup: this.#iommuGroup(address),
      numaNode: existsSync(this.path(address, 'numa_node')) ? this.#number(address, 'numa_node') : -1,
      interfaces: this.#interfaces(address),
    };
  }

  /** Name of the kernel driver that the device is bound to. */
  driver(address: string): string | undefined {
    return this.#linkTarget(address, 'driver');
  }

  /** Whether BAR `index` is one of I/O ports. */
  isIoPort(address: string, index: number): boolean {
    const path = this.path(address, 'resource');
    if (!existsSync(path)) return false;
    // A line per BAR: first address, last address, flags.
    const flags = readFileSync(path, 'latin1').split('\n')[index]?.split(' ')[2];
    return (Number(flags ?? 0) & RESOURCE_IO) !== 0;
  }

  /** Name of the device's UIO device ('uio0'), if a UIO driver has it. */
  uioName(address: string): string | undefined {
    const directory = this.path(address, 'uio');
    return existsSync(directory) ? readdirSync(directory)[0] : undefined;
  }

  /** Addresses of all devices in the device's IOMMU group, itself included, ascending; empty without an IOMMU. */
  groupMembers(address: string): string[] {
    const directory = this.path(address, 'iommu_group', 'devices');
    return existsSync(directory) ? readdirSync(directory).sort() : [];
  }

  /**
   * Whether the device has interfaces, but all of them in network namespaces other than the one that this /sys shows: a
   * directory for them is there as long as there are any, and lists those of one namespace only.
   */
  hidesInterfaces(address: string): boolean {
    const directories = this.#interfaceDirectories(address);
    return directories.length > 0 && directories.every((path) => readdirSync(path).length === 0);
  }

  /** Interfaces that stand on the interface `name`: bridges, bonds, VLANs. */
  interfacesUpon(name: string): string[] {
    const directory = this.under('class/net', name);
    const prefix = 'upper_';
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .filter((entry) => entry.startsWith(prefix))
      .map((entry) => entry.slice(prefix.length))
      .sort();
  }

  /** All network controllers, by address. */
  networkDevices(): PciDeviceInfo[] {
    return this.addresses()
      .map((address) => this.device(address))
      .filter(isNetworkDevice);
  }

  /** '0x8086\n' or '-1\n'. */
  #number(address: string, name: string): number {
    return Number(readFileSync(this.path(address, name), 'latin1'));
  }

  #linkTarget(address: string, name: string): string | undefined {
    const path = this.path(address, name);
    return existsSync(path) ? basename(readlinkSync(path)) : undefined;
  }

  #iommuGroup(address: string): IommuGroup | undefined {
    const group = this.#linkTarget(address, 'iommu_group');
    if (group === undefined) return undefined;
    const type = this.path(address, 'iommu_group', 'type');
    return { number: Number(group), type: existsSync(type) ? readFileSync(type, 'latin1').trim() : 'unknown' };
  }

  #interfaces(address: string): string[] {
    return this.#interfaceDirectories(address)
      .flatMap((path) => readdirSync(path))
      .sort();
  }

  /** Interfaces lie in net/, or, of a virtio device, in virtioN/net/. */
  #interfaceDirectories(address: string): string[] {
    const directories = readdirSync(this.path(address)).filter((name) => name.startsWith('virtio'));
    return ['.', ...directories]
      .map((directory) => this.path(address, directory, 'net'))
      .filter((path) => existsSync(path));
  }
}
