/** What packet loops need of a port. */
import type { NetDevice } from '../drivers/net-device.ts';

/** A port as its loop sees it: a `NetDevice`, or a worker's share of one, which has neither statistics nor an end. */
export type LoopPort = Pick<NetDevice, 'name' | 'mac' | 'mtu' | 'rx' | 'tx'> &
  Partial<Pick<NetDevice, 'ended' | 'statistics'>>;
