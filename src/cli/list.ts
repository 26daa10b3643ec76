/** `ixy list`: the network devices on the PCI bus, and what it takes to use them. */
import type { Command } from 'commander';
import { INTEL_VENDOR_ID, ixgbeRefusals } from '../datasheet/ixgbe/devices.ts';
import { findNicDriver } from '../drivers/nics.ts';
import { accessObstacle } from '../pci/open-pci-device.ts';
import { formatPciId, PciIds } from '../pci/pci-ids.ts';
import { type PciDeviceInfo, Sysfs } from '../pci/sysfs.ts';

/** A device in the JSON of `ixy list`. */
export interface ListedDevice {
  readonly address: string;
  /** '8086:10fb' */
  readonly id: string;
  readonly vendor: string | null;
  readonly device: string | null;
  /** The kernel driver that is bound. */
  readonly driver: string | null;
  readonly interfaces: readonly string[];
  readonly iommuGroup: number | null;
  readonly iommuType: string | null;
  readonly numaNode: number | null;
  /** The driver of ixy.ts that knows it. */
  readonly supportedBy: string | null;
  /** What is in the way of using it, with the command to run. */
  readonly obstacle: string | null;
}

const EXAMPLES = `
Examples:
  ixy list
  ixy list --json | jq '.devices[] | select(.supportedBy)'
`;

export function addList(program: Command): void {
  program
    .command('list')
    .description('List the network devices on the PCI bus, and how to use them.')
    .option('--json', 'print a JSON object')
    .addHelpText('after', EXAMPLES)
    .action((options: { readonly json?: boolean }) => {
      const devices = listDevices(new Sysfs(), new PciIds());
      process.stdout.write(options.json ? `${JSON.stringify({ devices })}\n` : listText(devices));
    });
}

export function listDevices(sysfs: Sysfs, ids: PciIds): ListedDevice[] {
  return sysfs.networkDevices().map((info) => listed(info, ids));
}

export function listText(devices: readonly ListedDevice[]): string {
  if (devices.length === 0) {
    return "No network device on the PCI bus; 'ixy ports' explains emulated NICs, TAP interfaces and capture files.\n";
  }
  return devices.map((device) => `${deviceLines(device).join('\n    ')}\n`).join('\n');
}

function listed(info: PciDeviceInfo, ids: PciIds): ListedDevice {
  const { vendorId, deviceId } = info;
  const { vendor, device } = ids.lookup(vendorId, deviceId);
  const nic = findNicDriver(vendorId, deviceId);
  const refusal = vendorId === INTEL_VENDOR_ID ? ixgbeRefusals.get(deviceId) : undefined;
  const obstacle = nic ? accessObstacle(info)?.message : refusal && `${info.address} is ${refusal}`;
  return {
    address: info.address,
    id: formatPciId(vendorId, deviceId),
    vendor: vendor ?? null,
    device: device ?? nic?.model(vendorId, deviceId) ?? null,
    driver: info.driver ?? null,
    interfaces: info.interfaces,
    iommuGroup: info.iommuGroup?.number ?? null,
    iommuType: info.iommuGroup?.type ?? null,
    numaNode: info.numaNode < 0 ? null : info.numaNode,
    supportedBy: nic?.name ?? null,
    obstacle: obstacle ?? null,
  };
}

function deviceLines(device: ListedDevice): string[] {
  const { vendor, driver, interfaces, iommuGroup, iommuType, numaNode, supportedBy, obstacle } = device;
  const name = [vendor, device.device].filter((part) => part !== null).join(' ') || 'unknown device';
  const facts = [
    driver === null ? 'no kernel driver' : `kernel driver ${driver}`,
    ...(interfaces.length > 0 ? [`interface ${interfaces.join(', ')}`] : []),
    iommuGroup === null ? 'no IOMMU' : `IOMMU group ${iommuGroup} (${iommuType})`,
    numaNode === null ? 'no NUMA node' : `NUMA node ${numaNode}`,
  ];
  const supported = supportedBy === null ? 'not supported by ixy.ts' : `supported by ixy.ts: ${supportedBy}`;
  const ready = supportedBy === null ? [] : [`ready: ixy info ${device.address}`];
  return [`${device.address}  ${device.id}  ${name}`, facts.join(' · '), supported, ...(obstacle ? [obstacle] : ready)];
}
