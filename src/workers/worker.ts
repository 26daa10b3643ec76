/** One worker of a group, as the thread that made it sees it: its queues, its thread, and how that ended. */
import { Worker as Thread } from 'node:worker_threads';
import type { QueueLoan } from '../drivers/lending/loan.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { errorMessage, IxyError } from '../errors.ts';
import type { SharedPool } from '../memory/shared-pool.ts';
import { programFile } from '../program-file.ts';
import { memberOf, type RingShares } from './rings.ts';
import { END, FINISHED, RUNNING, STOP, type ThreadOrders } from './thread-protocol.ts';
import { keepHeaps } from './v8-flags.ts';
import { WatchReader } from './watch-reader.ts';
import { createWatch, type WatchShare } from './watch-record.ts';

/** 'ended': its module returned. 'died': it threw, called `process.exit`, or was terminated. */
export type WorkerState = 'starting' | 'running' | 'ended' | 'died';

/** How a worker's thread ended. */
export interface WorkerEnd {
  readonly worker: number;
  readonly state: 'ended' | 'died';
  /** Why it died; or why its queues could not be taken back: then its packets are not free. */
  readonly error?: Error;
  /** Packets that it had, in its hands or in queues, and that are free again. */
  readonly recovered: number;
}

/** What all workers of a group are made of. */
export interface WorkerPlan {
  readonly nics: readonly NetDevice[];
  readonly queuesPerWorker: number;
  readonly pool: SharedPool;
  readonly rings: RingShares;
  readonly module: string;
  readonly data: unknown;
  readonly watch: boolean;
}

const CONTROL_BYTES = 64;

export class Worker {
  /** As in `WorkerContext`. */
  readonly index: number;
  readonly core: number | undefined;
  /** With `WorkersOptions.watch`; it goes on when the worker is started again. */
  readonly watch: WatchReader | undefined;
  readonly #watch: WatchShare | undefined;
  readonly #plan: WorkerPlan;
  #state: WorkerState = 'ended';
  #thread: Thread | undefined;
  #control: Int32Array = new Int32Array(0);
  /** Queues that have not been taken back. */
  #loans: readonly QueueLoan[] = [];
  /** Why it was terminated. */
  #terminated: string | undefined;
  #ended: Promise<WorkerEnd>;

  constructor(index: number, core: number | undefined, plan: WorkerPlan) {
    this.index = index;
    this.core = core;
    this.#plan = plan;
    this.#watch = plan.watch && core !== undefined ? createWatch(`worker ${index}, CPU ${core}`) : undefined;
    this.watch = this.#watch && new WatchReader(this.#watch);
    this.#ended = Promise.resolve({ worker: index, state: 'ended', recovered: 0 });
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** How the thread ends, or ended. Never rejects. */
  get ended(): Promise<WorkerEnd> {
    return this.#ended;
  }

  /**
   * Begins, or begins anew. Resolves once the module runs; rejects with why it does not, what `lend` throws, and a
   * DataCloneError for `data` that cannot be sent to a thread.
   */
  async start(): Promise<void> {
    if (this.#thread) throw new IxyError('ERR_ARGUMENT', `worker ${this.index} is running already`);
    this.settle();
    try {
      this.#borrow();
      this.#control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
      this.#thread = this.#createThread();
    } catch (error) {
      this.#recover();
      throw error;
    }
    this.#terminated = undefined;
    this.#state = 'starting';
    this.#ended = this.#end(this.#thread);
    await this.#begun(this.#thread);
  }

  /** Asks the thread to end. */
  ask(): void {
    if (!this.#thread) return;
    Atomics.store(this.#control, STOP, 1);
    this.#thread.postMessage(END);
  }

  /** Ends the thread wherever it is, for a `reason`; resolves once what it had has been taken back. */
  async terminate(reason = 'it was terminated'): Promise<WorkerEnd> {
    this.#terminated ??= reason;
    const gone = this.#thread?.terminate();
    for (const loan of this.#loans) loan.wake();
    await gone;
    return await this.#ended;
  }

  /**
   * Tries again to take back queues that did not stop when the thread had ended. Throws `ERR_TIMEOUT` while they do not:
   * the device may still write to the packets.
   */
  settle(): void {
    if (!this.#thread && this.#loans.length > 0) this.#recover();
  }

  /** Those that have been lent when it throws are in `#loans`, like all of them when it returns. */
  #borrow(): void {
    const { nics, queuesPerWorker, pool } = this.#plan;
    if (this.core === undefined) return;
    const queues = Array.from({ length: queuesPerWorker }, (_, i) => this.index * queuesPerWorker + i);
    for (const nic of nics) {
      const loan = nic.lend?.({ rx: queues, tx: queues, memory: pool.memory });
      if (!loan) throw new IxyError('ERR_DEVICE_UNSUPPORTED', `${nic.name} cannot lend queues to workers`);
      this.#loans = [...this.#loans, loan];
    }
  }

  #createThread(): Thread {
    const { module, pool, rings, data } = this.#plan;
    const { index, core } = this;
    const share = pool.share(memberOf(index));
    const queues = this.#loans.map((loan) => loan.data);
    const control = this.#control;
    const orders: ThreadOrders = { module, index, core, pool: share, rings, queues, data, control, watch: this.#watch };
    const options = { workerData: orders, execArgv: [], name: `worker ${index}` };
    keepHeaps();
    return new Thread(programFile('thread.js', import.meta.url), options);
  }

  /** Resolves when the module runs; rejects if the thread ends before. */
  #begun(thread: Thread): Promise<void> {
    return new Promise((resolve, reject) => {
      thread.on('message', (message) => {
        if (message !== RUNNING) return;
        this.#state = 'running';
        resolve();
      });
      void this.#ended.then(({ error }) => reject(error));
    });
  }

  #end(thread: Thread): Promise<WorkerEnd> {
    let failure: Error | undefined;
    thread.on('error', (error) => {
      failure = asError(error);
    });
    return new Promise((resolve) => thread.once('exit', (status) => resolve(this.#takeBack(status, failure))));
  }

  /** The thread is gone: its queues stop, and then its packets are nobody's. */
  #takeBack(status: number, failure: Error | undefined): WorkerEnd {
    const { index } = this;
    const early = this.#state === 'starting';
    const finished = Atomics.load(this.#control, FINISHED) !== 0;
    this.#thread = undefined;
    this.#state = 'died';
    try {
      const recovered = this.#recover();
      if (!failure && status === 0 && finished) {
        this.#state = 'ended';
        return { worker: index, state: 'ended', recovered };
      }
      const how = this.#terminated ?? `its thread ended ${early ? 'before it began' : `with status ${status}`}`;
      return { worker: index, state: 'died', error: failure ?? new Error(how), recovered };
    } catch (error) {
      return { worker: index, state: 'died', error: asError(error), recovered: 0 };
    }
  }

  /** Takes back all queues that stop, and the packets if all did; returns how many. Throws what the first other one threw. */
  #recover(): number {
    const failures: unknown[] = [];
    this.#loans = this.#loans.filter((loan) => {
      try {
        loan.takeBack();
        return false;
      } catch (error) {
        return failures.push(error) > 0;
      }
    });
    if (failures.length > 0) throw failures[0];
    return this.#plan.pool.recover(memberOf(this.index));
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorMessage(error));
}
