/** Opens fake devices for as long as a test takes. */
import { onTestFinished } from 'vitest';
import { type FeatureName, featureNames } from '../../../src/datasheet/virtio/features.ts';
import { openVirtio, type VirtioNetDevice, type VirtioOptions } from '../../../src/drivers/virtio/index.ts';
import type { FakeVirtio } from './fake-device.ts';

/** Closed with the test. */
export async function open(device: FakeVirtio, options: Partial<VirtioOptions> = {}): Promise<VirtioNetDevice> {
  const nic = await openVirtio(device, { allocateMemory: device.allocateMemory, linkPollInterval: 0, ...options });
  onTestFinished(() => nic.close());
  return nic;
}

/** Names of the features that its driver has accepted. */
export function accepted(device: FakeVirtio): FeatureName[] {
  return featureNames({ low: device.accepted[0], high: device.accepted[1] });
}
