/** The NICs that QEMU emulates, as the tests use them. */

export interface NicModel {
  /** QEMU's device and the properties that make it this model. */
  readonly device: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** The kernel driver it gets in the guest, and the module behind its interface. */
  readonly kernelDriver: string;
  readonly module: string;
  /** How its registers are reached: index of a memory BAR, or of one of I/O ports. */
  readonly registers: { readonly memory: number } | { readonly ports: number };
  /** Whether its DMA goes through the IOMMU, where there is one, and the property that asks for it. */
  readonly translated: boolean;
  readonly translation?: string;
}

const VIRTIO = { vendorId: 0x1af4, kernelDriver: 'virtio-pci', module: 'virtio_net' } as const;
const INTEL = { vendorId: 0x8086, registers: { memory: 0 }, translated: true } as const;

export const NIC_MODELS = {
  'virtio-legacy': {
    ...VIRTIO,
    device: 'virtio-net-pci,disable-modern=on,disable-legacy=off',
    deviceId: 0x1000,
    registers: { ports: 0 },
    translated: false,
  },
  'virtio-modern': {
    ...VIRTIO,
    device: 'virtio-net-pci,disable-legacy=on',
    deviceId: 0x1041,
    registers: { memory: 4 },
    translated: true,
    // Without it, virtio bypasses the IOMMU by its own definition (virtio 1.2, section 6.1: VIRTIO_F_ACCESS_PLATFORM).
    translation: 'iommu_platform=on',
  },
  'virtio-transitional': {
    ...VIRTIO,
    device: 'virtio-net-pci,disable-modern=off,disable-legacy=off',
    deviceId: 0x1000,
    registers: { ports: 0 },
    translated: false,
  },
  e1000e: { ...INTEL, device: 'e1000e', deviceId: 0x10d3, kernelDriver: 'e1000e', module: 'e1000e' },
  igb: { ...INTEL, device: 'igb', deviceId: 0x10c9, kernelDriver: 'igb', module: 'igb' },
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
