/** What a worker's thread is given, and what it says. */
import type { LentQueues } from '../drivers/lending/loan.ts';
import type { PoolShare } from '../memory/shared-pool.ts';
import type { RingShares } from './rings.ts';
import type { WatchShare } from './watch-record.ts';

/** Words of `control`: not 0 once the worker shall end, and once its module has returned and all was given back. */
export const STOP = 0;
export const FINISHED = 1;

/** The thread's `workerData`. */
export interface ThreadOrders {
  /** URL of the user's module. */
  readonly module: string;
  readonly index: number;
  /** Undefined for helpers, which run anywhere. */
  readonly core: number | undefined;
  readonly pool: PoolShare;
  readonly rings: RingShares;
  /** One for each NIC; none for helpers. */
  readonly queues: readonly LentQueues[];
  readonly data: unknown;
  readonly watch: WatchShare | undefined;
  /** In a SharedArrayBuffer. */
  readonly control: Int32Array;
}

/** The worker has its queues, and its module has been called. */
export const RUNNING = 'running';
/** The order to end; `control` says so too, for who never returns to the event loop. */
export const END = 'end';
