/** NICs in the hands of the driver under test. */
import { type AccessPath, bindFor } from './binding.ts';
import { built, type CommandOptions, type Guest } from './guest.ts';
import { type Nic, nicAddress } from './nics.ts';

/** Two NICs that packets pass between. */
export type Pair = readonly [Nic, Nic];

/** Who runs programs by this way: behind an IOMMU, somebody who has the devices' groups and no privilege at all. */
export function runsAs(path: AccessPath): CommandOptions {
  return path.machine.iommu ? { user: 'nobody', lockableMemory: 2 ** 28 } : {};
}

/** Binds NICs for this way of access, and lets whoever runs programs by it have them. */
export async function takeOver(guest: Guest, path: AccessPath, ...nics: Nic[]): Promise<void> {
  const addresses = nics.map(nicAddress);
  await bindFor(guest, path, ...addresses);
  if (!path.machine.iommu) return;
  const groups = addresses.map(
    (address) => `/dev/vfio/$(basename $(readlink /sys/bus/pci/devices/${address}/iommu_group))`,
  );
  await guest.output(`chown nobody ${groups.join(' ')}`);
}

/**
 * JavaScript with, in scope before `body`: `openPort(address, options)`, a NIC by this way, promiscuous unless
 * told otherwise; `print(value)`, as JSON on a line; what packet loops import. No more: emulated processors take seconds to
 * load all of the package.
 */
export function portProgram(path: AccessPath, body: string): string {
  return `
    import {
      allocateHugeMemory, DONE, forward, Forwarder, Generator, PacketBatch, PacketPool, PacketTemplate, poll,
    } from ${built('worker.js')};
    import { requireNicDriver } from ${built('drivers/nics.js')};
    import { openPciDevice } from ${built('pci/open-pci-device.js')};
    const openPort = (address, options) => {
      const device = openPciDevice(address, { unsafeNoIommu: ${path.machine.noIommuMode ?? false} });
      return requireNicDriver(device).open(device, {
        allocateMemory: allocateHugeMemory, promiscuous: true, ...options,
      });
    };
    const print = (value) => console.log(JSON.stringify(value));
    ${body}`;
}

/** What a program printed last. */
export function lastPrinted(output: string): unknown {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
}
