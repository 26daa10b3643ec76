/** Who drives a PCI device in the guest: the kernel, a stand-in that leaves it to user space, or nobody. */
import type { Guest } from './guest.ts';
import { NO_IOMMU_MODULES } from './setup.ts';

export type StandIn = 'uio_pci_generic' | 'vfio-pci';

/** A way to reach a real device. */
export interface AccessPath {
  readonly name: string;
  /** The driver that the device is bound to for it; default: none. */
  readonly driver?: StandIn;
  /** What the machine must have for it; the path's modules are loaded by `prepare`. */
  readonly machine: { readonly iommu?: boolean; readonly noIommuMode?: boolean };
  /** Commands that load its modules. */
  readonly prepare: readonly string[];
}

/** Debian's own are of the same names, but without the mode; in the order in which they need each other. */
const NO_IOMMU_ORDER = ['vfio_virqfd', 'vfio_iommu_type1', 'vfio-pci-core', 'vfio-pci'];

export const ACCESS_PATHS = {
  sysfs: { name: 'sysfs', machine: {}, prepare: [] },
  uio: {
    name: 'uio_pci_generic',
    driver: 'uio_pci_generic',
    machine: {},
    prepare: ['modprobe uio_pci_generic'],
  },
  vfio: {
    name: 'VFIO',
    driver: 'vfio-pci',
    machine: { iommu: true },
    prepare: ['modprobe -a vfio_iommu_type1 vfio-pci'],
  },
  vfioNoIommu: {
    name: 'VFIO without an IOMMU',
    driver: 'vfio-pci',
    machine: { noIommuMode: true },
    prepare: [
      'modprobe irqbypass',
      `insmod ${NO_IOMMU_MODULES}/vfio.ko enable_unsafe_noiommu_mode=1`,
      ...NO_IOMMU_ORDER.map((module) => `insmod ${NO_IOMMU_MODULES}/${module}.ko`),
    ],
  },
} as const satisfies Record<string, AccessPath>;

/** Takes the device from whoever has it, and binds it for this way of access. */
export async function bindFor(guest: Guest, path: AccessPath, address: string): Promise<void> {
  // Loaded already: nothing to do.
  const loaded =
    path.driver !== undefined && (await guest.run(`test -d /sys/bus/pci/drivers/${path.driver}`)).status === 0;
  if (!loaded && path.prepare.length > 0) await guest.output(path.prepare.join(' && '));
  await bind(guest, address, path.driver);
}

/** Gives the device back to the kernel's own driver for it. */
export async function restore(guest: Guest, address: string): Promise<void> {
  await bind(guest, address, 'kernel');
}

async function bind(guest: Guest, address: string, driver: StandIn | 'kernel' | undefined): Promise<void> {
  const device = `/sys/bus/pci/devices/${address}`;
  const override = driver === 'kernel' ? '' : (driver ?? '');
  await guest.output(`
    set -e
    test ! -e ${device}/driver || echo ${address} > ${device}/driver/unbind
    echo ${override} > ${device}/driver_override
    ${driver === undefined ? '' : `echo ${address} > /sys/bus/pci/drivers_probe && test -e ${device}/driver`}
  `);
}
