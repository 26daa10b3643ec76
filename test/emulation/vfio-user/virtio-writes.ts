/** What a driver writes into a served virtio-net device to start it with one split ring (virtio 1.2, section 3.1.1). */
import {
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
} from '../../../src/datasheet/virtio/features.ts';
import { COMMON } from '../../../src/datasheet/virtio/pci.ts';
import { splitLayout } from '../../../src/datasheet/virtio/split-ring.ts';
import { MODERN_BAR, NOTIFY_MULTIPLIER, STRUCTURES } from '../../../src/emulation/virtio/pci/config.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER, PCI_COMMAND_MEMORY } from '../../../src/pci/pci-device.ts';
import { REGION, type RegionWrite } from '../../../src/pci/vfio-user/payloads.ts';

interface SplitRing {
  /** Its index: even ones receive. */
  readonly queue: number;
  /** Descriptors. */
  readonly size: number;
  readonly address: number;
}

export function startVirtio({ queue, size, address }: SplitRing): RegionWrite[] {
  const { descriptors, available, used } = splitLayout(size, 4);
  const place = (field: 'QUEUE_DESC' | 'QUEUE_DRIVER' | 'QUEUE_DEVICE', at: number): RegionWrite[] => [
    write(COMMON[field], 4, addressLow(at)),
    write(COMMON[field] + 4, 4, addressHigh(at)),
  ];
  return [
    { region: REGION.config, offset: PCI_COMMAND, data: new Uint8Array([PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER]) },
    write(COMMON.DEVICE_STATUS, 1, 0),
    write(COMMON.DEVICE_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER),
    write(COMMON.DRIVER_FEATURE_SELECT, 4, 1),
    // VERSION_1, which is bit 32.
    write(COMMON.DRIVER_FEATURE, 4, 1),
    write(COMMON.DEVICE_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK),
    write(COMMON.QUEUE_SELECT, 2, queue),
    write(COMMON.QUEUE_SIZE, 2, size),
    ...place('QUEUE_DESC', address + descriptors),
    ...place('QUEUE_DRIVER', address + available),
    ...place('QUEUE_DEVICE', address + used),
    write(COMMON.QUEUE_ENABLE, 2, 1),
    write(COMMON.DEVICE_STATUS, 1, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK),
    ringVirtio(queue),
  ];
}

/** The doorbell of a queue. */
export function ringVirtio(queue: number): RegionWrite {
  return write(STRUCTURES.notify.offset + NOTIFY_MULTIPLIER * queue, 2, queue);
}

function write(offset: number, bytes: number, value: number): RegionWrite {
  const data = new Uint8Array(new Int32Array([value]).buffer, 0, bytes);
  return { region: MODERN_BAR, offset, data };
}
