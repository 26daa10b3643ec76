/** Who drives a PCI device in the guest: the kernel, a stand-in that leaves it to user space, or nobody. */
import type { InterruptKind } from '../../../src/pci/pci-device.ts';
import type { Guest } from './guest.ts';
import type { Machine } from './machine.ts';
import { NO_IOMMU_MODULES } from './setup.ts';

/** A way to reach a real device. */
export interface AccessPath {
  readonly name: string;
  /** The driver that the device is bound to for it; default: none. */
  readonly driver?: 'uio_pci_generic' | 'vfio-pci';
  /** What the machine must have for it. */
  readonly machine: Pick<Machine, 'iommu' | 'noIommuMode'>;
  /** Command that loads its modules; those that are loaded already stay. */
  readonly load: string;
  /** Interrupts of the 82574 by this way. */
  readonly interrupts?: InterruptKind;
  /** Whether the kernel ends bus mastering when a program is killed. */
  readonly survivesKill: boolean;
}

/** Debian's own modules have the same names, but not the mode; in the order in which they need each other. */
const NO_IOMMU_LOAD = [
  'modprobe irqbypass',
  `cd ${NO_IOMMU_MODULES}`,
  'insmod vfio.ko enable_unsafe_noiommu_mode=1',
  ...['vfio_virqfd', 'vfio_iommu_type1', 'vfio-pci-core', 'vfio-pci'].map((module) => `insmod ${module}.ko`),
].join(' && ');

export const ACCESS_PATHS = {
  sysfs: { name: 'sysfs', machine: {}, load: 'true', survivesKill: false },
  uio: {
    name: 'uio_pci_generic',
    driver: 'uio_pci_generic',
    machine: {},
    load: 'modprobe uio_pci_generic',
    interrupts: 'intx',
    survivesKill: true,
  },
  vfio: {
    name: 'VFIO',
    driver: 'vfio-pci',
    machine: { iommu: true },
    load: 'modprobe -a vfio_iommu_type1 vfio-pci',
    interrupts: 'msix',
    survivesKill: true,
  },
  vfioNoIommu: {
    name: 'VFIO without an IOMMU',
    driver: 'vfio-pci',
    machine: { noIommuMode: true },
    load: `test -d /sys/module/vfio_pci || { ${NO_IOMMU_LOAD}; }`,
    interrupts: 'msix',
    survivesKill: true,
  },
} as const satisfies Record<string, AccessPath>;

/** Takes devices from whoever has them, and binds them for this way of access. */
export async function bindFor(guest: Guest, path: AccessPath, ...addresses: string[]): Promise<void> {
  const rebind = addresses.map((address) => unbound(address, path.driver ?? '') + (path.driver ? probed(address) : ''));
  await guest.output(`set -e; ${path.load}\n${rebind.join('')}`);
}

/** Gives devices back to the kernel's own drivers for them. */
export async function restore(guest: Guest, ...addresses: string[]): Promise<void> {
  await guest.output(`set -e\n${addresses.map((address) => unbound(address, '') + probed(address)).join('')}`);
}

/** Commands that unbind a device and say which driver alone may have it next; '': whichever knows it. */
function unbound(address: string, driver: string): string {
  const device = `/sys/bus/pci/devices/${address}`;
  return `
    test ! -e ${device}/driver || echo ${address} > ${device}/driver/unbind
    echo ${driver} > ${device}/driver_override`;
}

function probed(address: string): string {
  return `
    echo ${address} > /sys/bus/pci/drivers_probe
    test -e /sys/bus/pci/devices/${address}/driver`;
}
