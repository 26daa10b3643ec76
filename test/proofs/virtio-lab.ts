/** The real driver on a strict emulated virtio-net device: a lab, and the ways in which driver and device can meet. */
import type { FeatureName } from '../../src/datasheet/virtio/features.ts';
import { openVirtio, type VirtioNetDevice, type VirtioOptions } from '../../src/drivers/virtio/index.ts';
import { EmulatedDomain, EmulatedPciDevice, type ModelOptions } from '../../src/emulation/index.ts';
import { CheckedPacketPool } from '../../src/memory/checked-pool.ts';
import type { PacketPool } from '../../src/memory/packet-pool.ts';
import type { PciDevice } from '../../src/pci/pci-device.ts';
import { DriverLab } from './driver-lab.ts';
import { WrappedDevice } from './wrapped-device.ts';

export interface VirtioLabOptions extends Partial<VirtioOptions> {
  /** What the device is like. */
  readonly model?: ModelOptions<'virtio'>;
  /** Default: one that knows who owns what. The driver's fastest code runs only without. */
  readonly Pool?: typeof PacketPool;
  /** Packets beyond what fills the rings. Default 1024. */
  readonly spare?: number;
  readonly transport?: 'msix' | 'intx';
  /** What the driver gets in place of the device. Default: one that outlives its driver. */
  readonly wrap?: (device: EmulatedPciDevice<'virtio'>) => PciDevice;
}

export class VirtioLab extends DriverLab<VirtioNetDevice, 'virtio', PacketPool> {
  readonly device: EmulatedPciDevice<'virtio'>;
  readonly options: VirtioLabOptions;

  constructor(options: VirtioLabOptions = {}) {
    const { rxQueues = 1, txQueues = 1, model, Pool = CheckedPacketPool, spare = 1024 } = options;
    const packets = (rxQueues + txQueues) * (model?.queueSize ?? 256) + spare;
    super(packets, (memory) => new Pool(memory));
    this.options = options;
    this.device = new EmulatedPciDevice({
      strict: true,
      ...model,
      model: 'virtio',
      wire: this.wire,
      domain: new EmulatedDomain(),
      interrupts: options.transport ?? 'msix',
    });
  }

  /** Opens the driver; again, if it was closed. */
  async open(more: Partial<VirtioOptions> = {}): Promise<VirtioNetDevice> {
    const { model: _model, Pool: _pool, spare: _spare, transport: _transport, wrap, ...options } = this.options;
    const device = wrap ? wrap(this.device) : new WrappedDevice(this.device);
    return this.start((supplies) => openVirtio(device, { ...supplies, ...options, ...more }));
  }
}

/** A lab whose driver is open. */
export async function openVirtioLab(options: VirtioLabOptions = {}): Promise<VirtioLab> {
  const lab = new VirtioLab(options);
  await lab.open();
  return lab;
}

/** A way in which driver and device can meet. */
interface Meeting {
  readonly name: string;
  readonly options: VirtioLabOptions;
}

/** Interfaces and ring formats. */
export const INTERFACES: readonly Meeting[] = [
  { name: 'a legacy device', options: { model: { kind: 'legacy' } } },
  { name: 'the legacy side of a transitional device', options: { model: { kind: 'transitional' }, legacy: true } },
  { name: 'split rings of a transitional device', options: { model: { kind: 'transitional' }, ring: 'split' } },
  { name: 'split rings of a modern device', options: { model: { kind: 'modern' }, ring: 'split' } },
  { name: 'packed rings of a modern device', options: { model: { kind: 'modern' }, ring: 'packed' } },
];

/** Features that change how rings are used. */
const FEATURES: readonly Meeting[] = [
  { name: 'everything', options: {} },
  { name: 'neither IN_ORDER nor EVENT_IDX', options: { without: ['IN_ORDER', 'EVENT_IDX'] satisfies FeatureName[] } },
  { name: 'IN_ORDER alone', options: { without: ['EVENT_IDX'] satisfies FeatureName[] } },
  { name: 'EVENT_IDX alone', options: { without: ['IN_ORDER'] satisfies FeatureName[] } },
  { name: 'mergeable buffers', options: { mtu: 9000, model: { mtu: 9000 } } },
  { name: 'elements for groups of buffers', options: { mtu: 9000, model: { mtu: 9000, batchesUsed: true } } },
  { name: 'several queues', options: { rxQueues: 3, txQueues: 3, model: { queuePairs: 3 } } },
];

/** Every interface with every feature. */
export const MEETINGS: readonly Meeting[] = INTERFACES.flatMap((face) =>
  FEATURES.map((feature) => ({
    name: `${face.name}, with ${feature.name}`,
    options: { ...face.options, ...feature.options, model: { ...face.options.model, ...feature.options.model } },
  })),
);
