/**
 * The loop that packet programs live in: polling in slices, and the event loop between them, so that signals, timers and
 * promises go on. A loop that finds nothing to do for a while naps between its looks, or sleeps until an interrupt comes.
 */
import type { RxInterrupt } from '../drivers/net-device.ts';
import type { PollWatch } from '../workers/poll-watch.ts';
import { PollLoop } from './poll-loop.ts';

/** What a step returns to end its loop. */
export const DONE = -1;

/**
 * One round of a packet loop: at most a poll budget from each queue, which is the capacity of the batch that it receives
 * into (`POLL_BUDGET` is a good one). Returns how many packets it moved, 0 if there was nothing to do, `DONE` to end the loop. One
 * that returns nothing is taken to be busy always.
 */
export type Step = () => number | undefined;

/**
 * 'busy' never sleeps, and naps at most. 'interrupt' sleeps as soon as there is nothing left, and saves the most energy;
 * 'adaptive' polls on for a while, and loses nothing against 'busy' under load.
 */
export type PollMode = 'busy' | 'interrupt' | 'adaptive';

export interface PollOptions {
  /** Default: 'adaptive' with `interrupts`, else 'busy'. The other two need interrupts. */
  readonly mode?: PollMode | undefined;
  /**
   * Those of every queue that the steps receive from; while the loop runs they are its own. All that the steps do must
   * follow from packets received: nothing else wakes a loop that sleeps. So give pools more packets than transmit rings hold:
   * if all of them lie there, none can be received, and nothing tells a sleeping loop that they have been sent.
   */
  readonly interrupts?: readonly RxInterrupt[] | undefined;
  /** Ends the loop; looked at between slices, and wakes a loop that sleeps. */
  readonly signal?: AbortSignal | undefined;
  /** Called between slices, and every 20 ms while the loop sleeps; the loop ends when it returns true. */
  readonly until?: () => boolean;
  /** How long to poll at a stretch before the event loop has its turn; default 1, in worker threads 20. */
  readonly sliceMilliseconds?: number;
  /**
   * How long to poll in vain before naps begin, or sleep; default 10 in mode 'busy', 0.2 in mode 'adaptive', 0 in mode
   * 'interrupt'; Infinity for never.
   */
  readonly idleMilliseconds?: number;
  /**
   * How long a nap is; default 0.05, to which Linux adds as much. Shorter than timers can be: what arrives meanwhile must
   * find room in a ring, and 512 descriptors take 34 µs of the smallest packets at 10 Gbit/s. The first packet to arrive
   * ends the naps.
   */
  readonly napMilliseconds?: number;
  /** Writes down the gaps between polls, and what they move. Without it nothing is measured. */
  readonly watch?: PollWatch | undefined;
}

/** Between two calls of `until` while the loop sleeps. */
const PEEP_MILLISECONDS = 20;

/**
 * Repeats `step` until the signal is aborted, `until` is true or a step returns `DONE`. Rejects with what a step throws, and with
 * `ERR_NO_ADDON`: the addon reads the clock. Nothing is allocated per step, and some hundred bytes per slice.
 */
export function poll(step: Step, options: PollOptions = {}): Promise<void> {
  const { signal, until } = options;
  return new Promise((resolve, reject) => {
    const loop = new PollLoop(step, options, () => turn());
    let timer: NodeJS.Timeout | undefined;
    /** Within a turn, or over: interrupts may come from what steps and `until` do, and after the end. */
    let occupied = false;
    const onAbort = (): void => {
      if (loop.asleep) turn();
    };
    const end = (): void => {
      signal?.removeEventListener('abort', onAbort);
      loop.close();
    };
    const turn = (): void => {
      if (occupied) return;
      occupied = true;
      clearTimeout(timer);
      try {
        if (loop.turn()) {
          end();
          resolve();
          return;
        }
        occupied = false;
        if (!loop.asleep || signal?.aborted) setImmediate(turn);
        else if (until) timer = setTimeout(turn, PEEP_MILLISECONDS);
      } catch (error) {
        end();
        reject(error);
      }
    };
    signal?.addEventListener('abort', onAbort);
    setImmediate(turn);
  });
}
