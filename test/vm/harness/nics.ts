/** The NICs that QEMU emulates, and those that are served to it, as the tests use them. */
import { hexDigits } from '../../../src/hexadecimal.ts';

export interface NicModel {
  /** QEMU's device and the properties that make it this model. */
  readonly device: string;
  /** The emulation that serves it: QEMU then only attaches it. */
  readonly served?: 'ixgbe';
  readonly vendorId: number;
  readonly deviceId: number;
  /** The kernel driver that it gets in the guest, and the module behind its interface. */
  readonly kernelDriver: string;
  readonly module: string;
  /** The driver of ours that knows it; default: none. */
  readonly supportedBy?: 'virtio' | 'ixgbe';
  /** Property that puts its DMA behind the IOMMU, where that takes one. */
  readonly translation?: string;
  /** Pairs of queues. Default: one. */
  readonly queuePairs?: number;
  /** First release of QEMU that has it; default: any. */
  readonly since?: number;
}

const CONVENTIONAL_BUS = 'conventional';

const VIRTIO = {
  vendorId: 0x1af4,
  kernelDriver: 'virtio-pci',
  module: 'virtio_net',
  supportedBy: 'virtio',
} as const;
const MODERN = {
  ...VIRTIO,
  device: 'virtio-net-pci,disable-legacy=on',
  deviceId: 0x1041,
  // Without it, virtio bypasses the IOMMU by its own definition (virtio 1.2, section 6.1: VIRTIO_F_ACCESS_PLATFORM).
  translation: 'iommu_platform=on',
} as const;

export const NIC_MODELS = {
  /** Registers in I/O ports; its DMA always bypasses the IOMMU. */
  'virtio-legacy': { ...VIRTIO, device: 'virtio-net-pci,disable-modern=on,disable-legacy=off', deviceId: 0x1000 },
  'virtio-modern': MODERN,
  /** Both at once. */
  'virtio-transitional': {
    ...VIRTIO,
    device: 'virtio-net-pci,disable-modern=off,disable-legacy=off',
    deviceId: 0x1000,
  },
  'virtio-packed': { ...MODERN, device: `${MODERN.device},packed=on` },
  /** Its queues need a `tap`. Ten vectors: one for each queue, one for the control queue, one for changes. */
  'virtio-multiqueue': { ...MODERN, device: `${MODERN.device},mq=on,vectors=10`, queuePairs: 4 },
  /** An Intel 82574. */
  e1000e: { device: 'e1000e', vendorId: 0x8086, deviceId: 0x10d3, kernelDriver: 'e1000e', module: 'e1000e' },
  /** An Intel 82576. */
  igb: { device: 'igb', vendorId: 0x8086, deviceId: 0x10c9, kernelDriver: 'igb', module: 'igb', since: 8 },
  /** An Intel 82540: conventional PCI. */
  e1000: { device: 'e1000', vendorId: 0x8086, deviceId: 0x100e, kernelDriver: 'e1000', module: 'e1000' },
  /** An Intel 82599: ours. It judges its driver. */
  ixgbe: {
    device: 'vfio-user-pci',
    served: 'ixgbe',
    vendorId: 0x8086,
    deviceId: 0x10fb,
    kernelDriver: 'ixgbe',
    module: 'ixgbe',
    supportedBy: 'ixgbe',
    queuePairs: 64,
    since: 10.1,
  },
} as const satisfies Record<string, NicModel>;

export type NicModelName = keyof typeof NIC_MODELS;

export interface Nic {
  readonly model: NicModelName;
  /** Its place on the bus: slot 4 is 0000:00:04.0. 2 … 26; QEMU and the harness have the others. */
  readonly slot: number;
  /** It sits behind a bridge to conventional PCI instead, at 0000:01:, and shares an IOMMU group with all that do. */
  readonly conventional?: boolean;
  /** Further properties of QEMU's device: 'host_mtu=9000'. */
  readonly properties?: string;
  /** NICs with the same number are on one cable (an Ethernet segment); default: each has a network of QEMU's to itself. */
  readonly cable?: number;
  /**
   * Its cable leads to a TAP interface (`guest().host`), with a queue for each pair that the model has. 'offloads': virtio
   * is offered checksums and segmentation; 'plain': neither.
   */
  readonly tap?: 'offloads' | 'plain';
}

export function nicAddress(nic: Nic): string {
  return `0000:${nic.conventional ? '01' : '00'}:${hexDigits(nic.slot, 2)}.0`;
}

export function nicMac(nic: Nic): string {
  return `52:54:00:12:34:${hexDigits(nic.slot, 2)}`;
}

/** Name of QEMU's device, for the monitor. */
export function nicName(nic: Nic): string {
  return `nic${nic.slot}`;
}

/** Name of the interface that its `tap` leads to. tcpreplay would make a new one if the name began with 'tap'. */
export function tapName(nic: Nic): string {
  return `peer${nic.slot}`;
}

/** Whether this process serves it. */
export function isServed(nic: Nic): boolean {
  const model: NicModel = NIC_MODELS[nic.model];
  return model.served !== undefined;
}

/** The socket file that it is served at; `share`: the guest's directory for files. */
export function socketOf(nic: Nic, share: string): string {
  return `${share}/${nicName(nic)}.sock`;
}

/** QEMU's arguments for the NIC. */
export function nicArguments(nic: Nic, iommu: boolean): string[] {
  const model: NicModel = NIC_MODELS[nic.model];
  const network = `net${nic.slot}`;
  const properties = [
    model.device,
    `id=${nicName(nic)}`,
    `netdev=${network}`,
    ...(nic.conventional ? [`bus=${CONVENTIONAL_BUS}`] : []),
    `addr=${hexDigits(nic.slot, 2)}`,
    `mac=${nicMac(nic)}`,
    'romfile=', // nothing boots from it
    ...(iommu && model.translation ? [model.translation] : []),
    ...(nic.properties ? [nic.properties] : []),
  ];
  return ['-netdev', `${backend(nic, model)},id=${network}`, '-device', properties.join()];
}

/** QEMU's arguments for the bridge, if a NIC sits behind it: the first bridge, so that its bus is the first other one. */
export function bridgeArguments(nics: readonly Nic[]): string[] {
  return nics.some((nic) => nic.conventional) ? ['-device', `pcie-pci-bridge,id=${CONVENTIONAL_BUS},addr=1b`] : [];
}

function backend(nic: Nic, { queuePairs = 1 }: NicModel): string {
  if (nic.tap) {
    const header = nic.tap === 'offloads' ? 'on' : 'off';
    return `tap,ifname=${tapName(nic)},script=no,downscript=no,vnet_hdr=${header},queues=${queuePairs}`;
  }
  return nic.cable === undefined ? 'user,restrict=on' : `hubport,hubid=${nic.cable}`;
}
