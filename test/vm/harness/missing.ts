/** What keeps a machine from being booted here. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { hasTaps, type Machine, SERVED_SINCE } from './machine.ts';
import { NIC_MODELS, type NicModel } from './nics.ts';
import { GUEST_FILES, INITRD, KERNEL, NO_IOMMU_MODULES, PROJECT, QEMU } from './setup.ts';

/** Programs at the far end of a NIC with a `tap`. */
const TAP_TOOLS = ['tcpdump', 'tcpreplay'];
const TAP_PROBE = ['--net', 'ip', 'tuntap', 'add', 'dev', 'probe', 'mode', 'tap'];
const RUN_SETUP = 'run: scripts/vm-setup.sh';

/** What keeps this machine from being booted, and the command that helps; undefined if nothing does. */
export function missingFor(machine: Machine): string | undefined {
  const release = qemuRelease();
  if (release === undefined) return `${QEMU} is not installed; ${RUN_SETUP}`;
  const models = machine.nics.map((nic): NicModel => NIC_MODELS[nic.model]);
  const tooNew = models.find(({ since = 0 }) => since > release);
  if (tooNew) {
    return `${tooNew.device} needs QEMU ${tooNew.since}, found ${release}; run: scripts/vm-setup.sh --newer-qemu`;
  }
  if (machine.served && release < SERVED_SINCE) {
    return `vfio-user-pci needs QEMU ${SERVED_SINCE}, found ${release}; run: scripts/vm-setup.sh --newer-qemu`;
  }
  if (!existsSync(KERNEL)) return `no kernel was unpacked; ${RUN_SETUP}`;
  if (!existsSync(INITRD) || statSync(INITRD).mtimeMs < statSync(`${GUEST_FILES}/init.sh`).mtimeMs) {
    return `the initial RAM disk is out of date; ${RUN_SETUP}`;
  }
  if (machine.noIommuMode && !existsSync(NO_IOMMU_MODULES)) {
    return 'VFIO modules with no-IOMMU mode were not built; run: scripts/vm-setup.sh --noiommu';
  }
  if (!existsSync(`${PROJECT}/dist/index.js`)) return 'ixy.ts is not built; run: npm run build';
  return hasTaps(machine) ? missingForTaps() : undefined;
}

function missingForTaps(): string | undefined {
  const probe = spawnSync('unshare', TAP_PROBE, { encoding: 'utf8' });
  if (probe.status !== 0) return `no TAP interface in a namespace of its own, which takes root: ${probe.stderr.trim()}`;
  const missing = TAP_TOOLS.filter((name) => spawnSync(name, ['--version']).error);
  return missing.length > 0 ? `not installed: ${missing.join(', ')}; ${RUN_SETUP}` : undefined;
}

/** QEMU's release: 10.1; undefined if there is none. */
function qemuRelease(): number | undefined {
  const { stdout } = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  const release = /version (\d+\.\d+)/.exec(stdout ?? '')?.[1];
  return release === undefined ? undefined : Number(release);
}
