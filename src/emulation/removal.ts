/** Surprise removal: somebody has pulled the device out of its slot. */
import type { ConfigSpace } from './config-space.ts';

interface Removable {
  strikes(kind: 'removal'): unknown;
}

/** At each access to a register: whether the device is gone, or goes right now. Reads give all ones then, and DMA stops. */
export function isGone(config: ConfigSpace, faults: Removable): boolean {
  if (config.present && faults.strikes('removal')) config.present = false;
  return !config.present;
}
