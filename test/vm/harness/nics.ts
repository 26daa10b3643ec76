/** The NICs that QEMU emulates, as the tests use them. */

export interface NicModel {
  /** QEMU's device and the properties that make it this model. */
  readonly device: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** The kernel driver that it gets in the guest, and the module behind its interface. */
  readonly kernelDriver: string;
  readonly module: string;
  /** Property that puts its DMA behind the IOMMU, where that takes one. */
  readonly translation?: string;
}

const VIRTIO = { vendorId: 0x1af4, kernelDriver: 'virtio-pci', module: 'virtio_net' } as const;

export const NIC_MODELS = {
  /** Registers in I/O ports; its DMA always bypasses the IOMMU. */
  'virtio-legacy': { ...VIRTIO, device: 'virtio-net-pci,disable-modern=on,disable-legacy=off', deviceId: 0x1000 },
  'virtio-modern': {
    ...VIRTIO,
    device: 'virtio-net-pci,disable-legacy=on',
    deviceId: 0x1041,
    // Without it, virtio bypasses the IOMMU by its own definition (virtio 1.2, section 6.1: VIRTIO_F_ACCESS_PLATFORM).
    translation: 'iommu_platform=on',
  },
  /** Both at once. */
  'virtio-transitional': {
    ...VIRTIO,
    device: 'virtio-net-pci,disable-modern=off,disable-legacy=off',
    deviceId: 0x1000,
  },
  /** An Intel 82574. */
  e1000e: { device: 'e1000e', vendorId: 0x8086, deviceId: 0x10d3, kernelDriver: 'e1000e', module: 'e1000e' },
} as const satisfies Record<string, NicModel>;

export type NicModelName = keyof typeof NIC_MODELS;

export interface Nic {
  readonly model: NicModelName;
  /** Its place on the bus: slot 4 is 0000:00:04.0. 2 … 28; QEMU and the harness have the others. */
  readonly slot: number;
  /** Further properties of QEMU's device: 'mq=on,vectors=10'. */
  readonly properties?: string;
  /** NICs with the same number are on one cable (an Ethernet segment); default: each has a network of QEMU's to itself. */
  readonly cable?: number;
}

export function nicAddress(nic: Nic): string {
  return `0000:00:${hex(nic.slot)}.0`;
}

export function nicMac(nic: Nic): string {
  return `52:54:00:12:34:${hex(nic.slot)}`;
}

/** QEMU's arguments for the NIC. */
export function nicArguments(nic: Nic, iommu: boolean): string[] {
  const model: NicModel = NIC_MODELS[nic.model];
  const network = `net${nic.slot}`;
  const backend = nic.cable === undefined ? 'user,restrict=on' : `hubport,hubid=${nic.cable}`;
  const properties = [
    model.device,
    `netdev=${network}`,
    `addr=${hex(nic.slot)}`,
    `mac=${nicMac(nic)}`,
    ...(iommu && model.translation ? [model.translation] : []),
    ...(nic.properties ? [nic.properties] : []),
  ];
  return ['-netdev', `${backend},id=${network}`, '-device', properties.join()];
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}
