/** What a run on real NICs needs of the kernel: an IOMMU, VFIO, huge pages, memory that may be locked. */
import { HugePagePools, hugePageName } from '../memory/huge-page-pools.ts';
import { lockLimit, RAISE_LOCK_LIMIT } from '../memory/lock-limit.ts';
import { VFIO_PCI } from '../pci/stand-ins.ts';
import { Sysfs } from '../pci/sysfs.ts';
import { otherUsers } from '../pci/vfio/group.ts';
import { advice, type Check, ok, problem } from './check.ts';
import type { Machine } from './machine.ts';

const MEBIBYTE = 2 ** 20;

/** Rings and packets of two NICs with a few queues each. */
const ENOUGH_LOCKABLE = 64 * MEBIBYTE;

/** Huge pages of 2 MiB for the same, and room for larger pools. */
const ENOUGH_HUGE_PAGES = 64;

const VFIO_MODULES = [VFIO_PCI, 'vfio_iommu_type1'] as const;

export function iommu(machine: Machine): Check {
  const groups = machine.list('/sys/kernel/iommu_groups').length;
  if (groups > 0) return ok('IOMMU', `on, ${groups} groups`);
  const isAmd = machine.read('/proc/cpuinfo')?.includes('AuthenticAMD') ?? false;
  const how = isAmd
    ? 'switch AMD-Vi on in the firmware'
    : 'switch VT-d on in the firmware, and boot with intel_iommu=on';
  return problem('IOMMU', 'off', `for VFIO, ${how}; without it NICs need root: ixy bind ADDRESS uio_pci_generic`);
}

export function vfioModules(machine: Machine): Check {
  const missing = VFIO_MODULES.filter((name) => !isLoaded(machine, name));
  if (missing.length === 0) return ok('VFIO modules', 'loaded');
  const absent = missing.filter((name) => !isInstalled(machine, name));
  if (absent.length === 0) return ok('VFIO modules', `not loaded yet: ${missing.join(', ')}; ixy bind does it`);
  return problem(
    'VFIO modules',
    `this kernel has no ${absent.join(', ')}`,
    "install the distribution's full kernel (Debian: linux-image-amd64, not -cloud-; Ubuntu: linux-modules-extra)",
  );
}

/** Whether VFIO's devices can be used by who asks. */
export function vfioGroups(machine: Machine): Check {
  const sysfs = new Sysfs(machine.path('/sys'));
  const bound = sysfs.networkDevices().filter(({ driver }) => driver === VFIO_PCI);
  if (bound.length === 0) {
    const how = "'ixy list' shows the NICs; run: sudo ixy bind ADDRESS vfio-pci --owner $USER";
    return advice('VFIO groups', 'no NIC is bound to vfio-pci', how);
  }
  const groups = bound.map(({ address, iommuGroup }) => ({
    address,
    file: `/dev/vfio/${iommuGroup?.number}`,
    others: otherUsers(address, sysfs),
  }));
  const closed = groups.find(({ file }) => !machine.mayUse(file));
  if (closed) {
    const how = `run: sudo ixy bind ${closed.address} vfio-pci --owner $USER`;
    return problem('VFIO groups', `no access to ${closed.file} (${closed.address})`, how);
  }
  const unviable = groups.find(({ others }) => others.length > 0);
  if (unviable) {
    const found = `${unviable.file} (${unviable.address}) also has ${unviable.others.join(', ')}`;
    return problem('VFIO groups', found, 'bind all devices of the group to vfio-pci, or use another slot');
  }
  return ok('VFIO groups', groups.map(({ file, address }) => `${file} (${address})`).join(', '));
}

export function hugePages(machine: Machine): Check {
  const pools = new HugePagePools(machine.path('/sys')).pools().filter(({ total }) => total > 0);
  const found = pools.map(({ pageSize, node, total, free }) => {
    const where = node === undefined ? '' : ` on node ${node}`;
    return `${free} of ${total} of ${hugePageName(pageSize)} free${where}`;
  });
  if (pools.some(({ free }) => free > 0)) return ok('huge pages', found.join(', '));
  return problem(
    'huge pages',
    found.length > 0 ? found.join(', ') : 'none',
    `run: sudo ixy hugepages --count ${pools.reduce((sum, { total }) => sum + total, ENOUGH_HUGE_PAGES)}`,
  );
}

export function lockableMemory(machine: Machine): Check {
  const { limit } = lockLimit(machine.path('/proc/self'));
  const found = limit === Number.POSITIVE_INFINITY ? 'without a limit' : `${Math.floor(limit / MEBIBYTE)} MiB`;
  return limit >= ENOUGH_LOCKABLE
    ? ok('lockable memory', found)
    : problem('lockable memory', found, `for VFIO, ${RAISE_LOCK_LIMIT}`);
}

function isLoaded(machine: Machine, name: string): boolean {
  return machine.has(`/sys/module/${name.replaceAll('-', '_')}`) || machine.has(`/sys/bus/pci/drivers/${name}`);
}

/** Whether modprobe would find it, or has nothing to do because it is built in. */
function isInstalled(machine: Machine, name: string): boolean {
  const directory = `/lib/modules/${machine.read('/proc/sys/kernel/osrelease')}`;
  const lists = ['modules.dep', 'modules.builtin'].map((list) => machine.read(`${directory}/${list}`) ?? '');
  return lists.some((list) => list.includes(`/${name}.ko`));
}
