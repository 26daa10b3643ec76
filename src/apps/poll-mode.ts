/** How loops over ports may wait for packets. */
import type { NetDevice } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import type { PollMode, PollOptions } from './poll.ts';

/**
 * Packets that a step takes from one queue before the next one, or the event loop, has its turn: what NAPI calls the budget,
 * and the default of every loop here. A queue that gave less is empty, for now.
 */
export const POLL_BUDGET = 64;

/** 'adaptive' if all these ports can interrupt, else 'busy'. */
export function bestPollMode(ports: readonly NetDevice[]): PollMode {
  return ports.every((port) => port.rx[0].interrupt) ? 'adaptive' : 'busy';
}

/**
 * Options of a loop that receives from queue 0 of each port. Throws `ERR_ARGUMENT` if one cannot interrupt, and the mode
 * needs it to.
 */
export function pollOptions(ports: readonly NetDevice[], mode: PollMode): Pick<PollOptions, 'mode' | 'interrupts'> {
  if (mode === 'busy') return { mode };
  const interrupts = ports.map((port) => {
    const [queue] = port.rx;
    if (queue.interrupt) return queue.interrupt;
    throw new IxyError('ERR_ARGUMENT', `${port.name} has no interrupts, which mode '${mode}' needs; use mode 'busy'`);
  });
  return { mode, interrupts };
}
