/** The machine's own time, for real devices. */
import { setTimeout } from 'node:timers/promises';
import type { DeviceClock } from './pci-device.ts';

/** Nobody writes it: waiting for it to change is waiting. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

export const machineClock: DeviceClock = {
  now: () => performance.now(),
  sleep: (milliseconds) => setTimeout(milliseconds),
  pause: (milliseconds) => {
    Atomics.wait(nobody, 0, 0, milliseconds);
  },
};
