/** How loops over ports may wait for packets. */
import { IxyError } from '../errors.ts';
import type { LoopPort } from './loop-port.ts';
import type { PollMode, PollOptions } from './poll.ts';

/**
 * Packets that a step takes from one queue before the next one, or the event loop, has its turn: what NAPI calls the budget,
 * and the default of every loop here. A queue that gave less is empty, for now.
 */
export const POLL_BUDGET = 64;

/** 'adaptive' if all queues of these ports can interrupt, else 'busy'. */
export function bestPollMode(ports: readonly Pick<LoopPort, 'rx'>[]): PollMode {
  return ports.every(({ rx }) => rx.every((queue) => queue.interrupt)) ? 'adaptive' : 'busy';
}

/**
 * Options of a loop that receives from all queues of these ports. Throws `ERR_ARGUMENT` if one cannot interrupt, and the mode
 * needs it to.
 */
export function pollOptions(
  ports: readonly Pick<LoopPort, 'name' | 'rx'>[],
  mode: PollMode,
): Pick<PollOptions, 'mode' | 'interrupts'> {
  if (mode === 'busy') return { mode };
  const interrupts = ports.flatMap(({ name, rx }) =>
    rx.map(({ interrupt }) => {
      if (interrupt) return interrupt;
      throw new IxyError('ERR_ARGUMENT', `${name} has no interrupts, which mode '${mode}' needs; use mode 'busy'`);
    }),
  );
  return { mode, interrupts };
}
