import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/system/check.ts';
import { examine } from '../../src/system/doctor.ts';
import { Machine, type MachineOptions } from '../../src/system/machine.ts';
import { temporaryDirectory } from '../support/process.ts';

const NIC = '/sys/bus/pci/devices/0000:03:00.0';
const OTHER = '/sys/bus/pci/devices/0000:03:00.1';
const GROUP = '/sys/kernel/iommu_groups/12';
const NODE_PAGES = '/sys/devices/system/node/node0/hugepages/hugepages-2048kB';
const GOVERNOR = '/sys/devices/system/cpu/cpufreq/policy0/scaling_governor';
const ALL_CAPABILITIES = 'CapEff:\t000001ffffffffff\n';
const LIMITS = 'Limit                     Soft Limit           Hard Limit           Units     \n';

/** Files of a machine that lacks nothing; a directory ends in '/', a link begins with '->'. */
const HEALTHY: Readonly<Record<string, string>> = {
  '/proc/self/status': ALL_CAPABILITIES,
  '/proc/self/limits': `${LIMITS}Max locked memory         8388608              8388608              bytes     \n`,
  '/proc/cpuinfo': 'vendor_id\t: GenuineIntel\n',
  '/proc/sys/kernel/osrelease': '6.1.0-test\n',
  '/sys/bus/pci/drivers/vfio-pci/': '',
  '/sys/module/vfio_iommu_type1/': '',
  [`${GROUP}/type`]: 'DMA-FQ\n',
  [`${GROUP}/devices/0000:03:00.0/`]: '',
  [`${NIC}/vendor`]: '0x8086\n',
  [`${NIC}/device`]: '0x10fb\n',
  [`${NIC}/class`]: '0x020000\n',
  [`${NIC}/driver`]: '->/sys/bus/pci/drivers/vfio-pci',
  [`${NIC}/iommu_group`]: `->${GROUP}`,
  '/dev/vfio/12': '',
  [`${NODE_PAGES}/nr_hugepages`]: '512\n',
  [`${NODE_PAGES}/free_hugepages`]: '500\n',
  '/sys/devices/system/cpu/isolated': '2-3\n',
  [GOVERNOR]: 'performance\n',
  '/dev/net/tun': '',
  '/bin/ip': '',
  '/bin/tcpdump': '',
  '/usr/sbin/modprobe': '',
};

type Files = Readonly<Record<string, string | undefined>>;

function machine(changes: Files = {}, options: MachineOptions = {}): Machine {
  const root = temporaryDirectory();
  for (const [path, content] of Object.entries<string | undefined>({ ...HEALTHY, ...changes })) {
    if (content === undefined) continue;
    mkdirSync(path.endsWith('/') ? join(root, path) : dirname(join(root, path)), { recursive: true });
    if (content.startsWith('->')) symlinkSync(join(root, content.slice(2)), join(root, path));
    else if (!path.endsWith('/')) writeFileSync(join(root, path), content);
  }
  return new Machine({
    root,
    userId: 0,
    nodeVersion: 'v24.1.0',
    loadAddon: () => {},
    programPath: '/bin',
    ...options,
  });
}

/** What is not as it should be. */
function complaints(changes: Files = {}, options: MachineOptions = {}): readonly Check[] {
  return examine(machine(changes, options)).filter(({ verdict }) => verdict !== 'ok');
}

function complaint(name: string, verdict: Check['verdict'], found: RegExp, advice: RegExp) {
  return [{ name, verdict, found: expect.stringMatching(found), advice: expect.stringMatching(advice) }];
}

describe('the doctor', () => {
  it('has nothing to say about a machine that lacks nothing', () => {
    const checks = examine(machine());
    expect(checks.map(({ name }) => name)).toEqual([
      ...['Node.js', 'addon', 'user', 'IOMMU', 'VFIO modules', 'VFIO groups', 'huge pages', 'lockable memory'],
      ...['isolated cores', 'CPU governor', 'TAP', 'programs'],
    ]);
    expect(checks.filter(({ verdict, advice }) => verdict !== 'ok' || advice !== null)).toEqual([]);
    expect(checks.map(({ found }) => found)).toContain('500 of 512 of 2M free on node 0');
  });

  it.each<[Files, ReturnType<typeof complaint>]>([
    [
      {
        [`${GROUP}/type`]: undefined,
        [`${GROUP}/devices/0000:03:00.0/`]: undefined,
        [`${NIC}/iommu_group`]: undefined,
        [`${NIC}/driver`]: undefined,
      },
      [
        ...complaint('IOMMU', 'problem', /off/, /VT-d.*intel_iommu=on/),
        ...complaint('VFIO groups', 'advice', /no NIC is bound/, /ixy bind ADDRESS vfio-pci/),
      ],
    ],
    [
      { '/sys/module/vfio_iommu_type1/': undefined },
      complaint('VFIO modules', 'problem', /has no vfio_iommu_type1/, /linux-image-amd64/),
    ],
    [
      { '/dev/vfio/12': undefined },
      complaint('VFIO groups', 'problem', /no access to \/dev\/vfio\/12/, /ixy bind 0000:03:00.0 vfio-pci --owner/),
    ],
    [
      { [`${NODE_PAGES}/nr_hugepages`]: '0\n', [`${NODE_PAGES}/free_hugepages`]: '0\n' },
      complaint('huge pages', 'problem', /none/, /ixy hugepages --count 64/),
    ],
    [
      { [`${NODE_PAGES}/free_hugepages`]: '0\n' },
      complaint('huge pages', 'problem', /0 of 512 of 2M free/, /ixy hugepages --count 576/),
    ],
    [
      { '/proc/self/status': 'CapEff:\t0000000000000000\n' },
      complaint('lockable memory', 'problem', /^8 MiB$/, /ulimit -l unlimited/),
    ],
    [{ '/sys/devices/system/cpu/isolated': '\n' }, complaint('isolated cores', 'advice', /none/, /isolcpus/)],
    [{ [GOVERNOR]: 'powersave\n' }, complaint('CPU governor', 'advice', /powersave/, /echo performance/)],
    [{ '/dev/net/tun': undefined }, complaint('TAP', 'advice', /no \/dev\/net\/tun/, /modprobe tun/)],
    [
      { '/bin/ip': undefined, '/bin/tcpdump': undefined },
      complaint('programs', 'advice', /no ip, tcpdump/, /apt install iproute2 tcpdump/),
    ],
  ])('tells what is wrong with a machine with %j', (changes, expected) => {
    expect(complaints(changes)).toEqual(expected);
  });

  it('takes modules that can be loaded for good', () => {
    const dependencies = 'kernel/drivers/vfio/vfio_iommu_type1.ko.xz: kernel/drivers/vfio/vfio.ko.xz\n';
    const changes = { '/sys/module/vfio_iommu_type1/': undefined, '/lib/modules/6.1.0-test/modules.dep': dependencies };
    expect(complaints(changes)).toEqual([]);
  });

  it('names the devices that keep a group from being used', () => {
    const changes = {
      [`${GROUP}/devices/0000:03:00.1/`]: '',
      [`${OTHER}/vendor`]: '0x8086\n',
      [`${OTHER}/device`]: '0x10fb\n',
      [`${OTHER}/class`]: '0x020000\n',
      '/sys/bus/pci/drivers/ixgbe/': '',
      [`${OTHER}/driver`]: '->/sys/bus/pci/drivers/ixgbe',
    };
    expect(complaints(changes)).toEqual(
      complaint('VFIO groups', 'problem', /also has 0000:03:00.1 \(bound to ixgbe\)/, /bind all devices/),
    );
  });

  it('knows who asks', () => {
    expect(complaints({}, { userId: 1000 })).toEqual([
      ...complaint('user', 'advice', /user 1000/, /sudo/),
      ...complaint('TAP', 'advice', /not root/, /ip tuntap add/),
    ]);
  });

  it.each([
    ['v18.20.0', 1],
    ['v20.18.3', 1],
    ['v20.19.0', 0],
    ['v26.0.0', 0],
  ])('of Node.js %s has %d complaints', (nodeVersion, count) => {
    expect(complaints({}, { nodeVersion })).toHaveLength(count);
  });

  it('passes on why the addon does not load', () => {
    const loadAddon = () => {
      throw new Error('the addon is not there; run: npm run install');
    };
    expect(complaints({}, { loadAddon })).toEqual(complaint('addon', 'problem', /does not load/, /npm run install/));
  });

  it('tells AMD’s users of AMD’s switch', () => {
    const changes = {
      [`${GROUP}/type`]: undefined,
      [`${GROUP}/devices/0000:03:00.0/`]: undefined,
      [`${NIC}/iommu_group`]: undefined,
      [`${NIC}/driver`]: undefined,
      '/proc/cpuinfo': 'vendor_id\t: AuthenticAMD\n',
    };
    expect(complaints(changes)[0].advice).toContain('AMD-Vi');
  });

  it('survives a machine that tells nothing', () => {
    const root = temporaryDirectory();
    mkdirSync(join(root, 'proc/self'), { recursive: true });
    for (const name of ['status', 'limits']) writeFileSync(join(root, 'proc/self', name), '');
    const checks = examine(new Machine({ root, userId: 1000, loadAddon: () => {}, programPath: '' }));
    expect(checks.filter(({ verdict }) => verdict === 'problem').map(({ name }) => name)).toEqual([
      ...['IOMMU', 'VFIO modules', 'huge pages'],
    ]);
  });
});
