/** The machine's own time, for real devices. */
import { setTimeout } from 'node:timers/promises';
import { nap } from '../nap.ts';
import type { DeviceClock } from './pci-device.ts';

export const machineClock: DeviceClock = {
  now: () => performance.now(),
  sleep: (milliseconds) => setTimeout(milliseconds),
  pause: nap,
};
