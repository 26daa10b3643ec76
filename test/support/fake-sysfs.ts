/** A tree of plain files that looks like /sys: nothing in the tests opens a device of this machine. */
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hexadecimal } from '../../src/hexadecimal.ts';
import { Sysfs } from '../../src/pci/sysfs.ts';
import { temporaryDirectory } from './process.ts';

export interface FakeDevice {
  readonly vendorId?: number;
  readonly deviceId?: number;
  readonly classCode?: number;
  readonly driver?: string | undefined;
  readonly iommuGroup?: number | undefined;
  readonly iommuType?: string;
  readonly numaNode?: number;
  /** Paths of interfaces below the device's directory, such as 'net/eth0'. */
  readonly interfaces?: readonly string[];
  /** Initial content of the command register. */
  readonly command?: number;
  /** Sizes of memory BARs. Default: one of 128 KiB, like the 82599's. */
  readonly bars?: Readonly<Record<number, number>>;
  /** Indices of BARs that are I/O ports. */
  readonly ports?: readonly number[];
  /** Name of a UIO device; its file lies in the tree's root. */
  readonly uio?: string;
}

export class FakeSysfs {
  readonly root = temporaryDirectory();
  readonly sysfs = new Sysfs(this.root);

  /** By default an unbound 82599, without an IOMMU. */
  add(address: string, device: FakeDevice = {}): this {
    const { vendorId = 0x8086, deviceId = 0x10fb, classCode = 0x020000, numaNode = 0 } = device;
    this.#write(address, 'vendor', `${hexadecimal(vendorId, 4)}\n`);
    this.#write(address, 'device', `${hexadecimal(deviceId, 4)}\n`);
    this.#write(address, 'class', `${hexadecimal(classCode, 6)}\n`);
    this.#write(address, 'numa_node', `${numaNode}\n`);
    this.#write(address, 'config', configSpace(vendorId, deviceId, device.command ?? 0));
    for (const path of device.interfaces ?? []) mkdirSync(this.path(address, path), { recursive: true });
    for (const [index, size] of Object.entries(device.bars ?? { 0: 131_072 })) {
      this.#write(address, `resource${index}`, '');
      truncateSync(this.path(address, `resource${index}`), size);
    }
    this.#write(address, 'resource', resources(device.ports ?? []));
    if (device.uio !== undefined) {
      mkdirSync(this.path(address, 'uio', device.uio), { recursive: true });
      writeFileSync(join(this.root, device.uio), '');
    }
    if (device.driver !== undefined) this.#link(address, 'driver', `bus/pci/drivers/${device.driver}`);
    if (device.iommuGroup !== undefined) {
      const group = `kernel/iommu_groups/${device.iommuGroup}`;
      this.#link(address, 'iommu_group', group);
      writeFileSync(join(this.root, group, 'type'), `${device.iommuType ?? 'identity'}\n`);
    }
    return this;
  }

  /** Lists a device among those of an IOMMU group. */
  addToGroup(group: number, address: string): this {
    mkdirSync(join(this.root, `kernel/iommu_groups/${group}/devices`, address), { recursive: true });
    return this;
  }

  path(address: string, ...names: string[]): string {
    return this.sysfs.path(address, ...names);
  }

  #write(address: string, name: string, content: string | Uint8Array): void {
    const path = this.path(address, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  #link(address: string, name: string, target: string): void {
    const directory = join(this.root, target);
    mkdirSync(directory, { recursive: true });
    symlinkSync(directory, this.path(address, name));
  }
}

/** First address, last address and flags of each BAR. */
function resources(ports: readonly number[]): string {
  const flags = (bar: number): string => (ports.includes(bar) ? '0x0000000000040101' : '0x0000000000040200');
  const address = '0x0000000000000000';
  return Array.from({ length: 6 }, (_, bar) => `${address} ${address} ${flags(bar)}\n`).join('');
}

function configSpace(vendorId: number, deviceId: number, command: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4096));
  bytes.setUint16(0, vendorId, true);
  bytes.setUint16(2, deviceId, true);
  bytes.setUint16(4, command, true);
  return new Uint8Array(bytes.buffer);
}
