import { hasFeature } from '../../datasheet/virtio/features.ts';
import type { DeviceQueue, QueueContext, QueueSettings } from './device-queue.ts';
import { PackedQueue } from './packed-queue.ts';
import { SplitQueue } from './split-queue.ts';

/**
 * The device's side of a queue that the driver enables, in the format negotiated. A queue that cannot be what the driver
 * says, or lies where the device cannot reach it, is broken from the beginning: see `QueueContext.queueBroken`.
 */
export function createDeviceQueue(context: QueueContext, settings: QueueSettings): DeviceQueue {
  const Queue = hasFeature(settings.features, 'RING_PACKED') ? PackedQueue : SplitQueue;
  return new Queue(context, settings);
}
