/** What a worker's module gets: its share of the NICs, of the packets, and of the rings. */
import type { BorrowedQueues } from '../drivers/lending/loan.ts';
import type { MultiRingConsumer } from '../memory/multi-producer-ring.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import type { RingConsumer, RingProducer } from '../memory/packet-ring.ts';
import type { PollWatch } from './poll-watch.ts';

/** A worker's queues of one NIC. Its `rx` and `tx` belong to the worker's thread. */
export type WorkerPort = Omit<BorrowedQueues, 'close'>;

/** What the module's default export is called with, on the worker's thread. */
export interface WorkerContext<Data = unknown> {
  /** 0 and up, in the order of `WorkersOptions.cores`, and then the helpers. */
  readonly index: number;
  /** The CPU that the thread is pinned to; undefined for helpers. */
  readonly core: number | undefined;
  /** For each NIC, in their order, this worker's queues; helpers have none. */
  readonly ports: readonly WorkerPort[];
  /** The worker's packets: those of its receive queues, and what it allocates. */
  readonly pool: PacketPool;
  /** `WorkersOptions.data`, as a structured clone. */
  readonly data: Data;
  /** With `WorkersOptions.watch`: for `poll`, or to be called by loops of one's own. */
  readonly watch: PollWatch | undefined;
  /** Aborted when the worker shall end, for `poll`. Who does not end soon is terminated. */
  readonly signal: AbortSignal;
  /** The same for loops of one's own, which do not return to the event loop: true once the worker shall end. */
  readonly stopping: boolean;
  /** This worker's end of a ring of `WorkersOptions.rings`. Throws `ERR_ARGUMENT` if it has none there. */
  producer(ring: string): RingProducer;
  consumer(ring: string): RingConsumer | MultiRingConsumer;
}

/** The default export of a worker's module. The worker has ended when it returns, or when what it returns is settled. */
export type WorkerMain<Data = unknown> = (worker: WorkerContext<Data>) => void | Promise<void>;
