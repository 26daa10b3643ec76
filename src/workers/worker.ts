/** One worker of a group, as the thread that made it sees it: its queues, its thread, and how that ended. */
import { Worker as Thread } from 'node:worker_threads';
import type { QueueLoan } from '../drivers/loan.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { ReleaseStack } from '../drivers/release-stack.ts';
import { errorMessage, IxyError } from '../errors.ts';
import type { SharedPool } from '../memory/shared-pool.ts';
import { programFile } from '../program-file.ts';
import { memberOf, type RingShares } from './rings.ts';
import { END, STOP, type ThreadOrders } from './thread-protocol.ts';
import { WatchReader } from './watch-reader.ts';
import { createWatch, type WatchShare } from './watch-record.ts';

/** 'ended': its module returned. 'died': it threw, called `process.exit`, or was terminated. */
export type WorkerState = 'starting' | 'running' | 'ended' | 'died';

/** How a worker's thread ended. */
export interface WorkerEnd {
  readonly worker: number;
  readonly state: 'ended' | 'died';
  /** Why it died. */
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
  #loans: readonly QueueLoan[] = [];
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

  /** Begins, or begins anew. Resolves once the module runs; rejects with why it does not, or what `lend` throws. */
  async start(): Promise<void> {
    if (this.#thread) throw new IxyError('ERR_ARGUMENT', `worker ${this.index} is running already`);
    const loans = this.#borrow();
    const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
    const { module, pool, rings, data } = this.#plan;
    const { index, core } = this;
    const share = pool.share(memberOf(index));
    const queues = loans.map((loan) => loan.data);
    const orders: ThreadOrders = { module, index, core, pool: share, rings, queues, data, control, watch: this.#watch };
    const options = { workerData: orders, execArgv: [], name: `worker ${index}` };
    this.#state = 'starting';
    this.#loans = loans;
    this.#control = control;
    const thread = new Thread(programFile('thread.js', import.meta.url), options);
    this.#thread = thread;
    this.#ended = this.#end(thread);
    await this.#begun(thread);
  }

  /** Asks the thread to end. */
  ask(): void {
    if (!this.#thread) return;
    Atomics.store(this.#control, STOP, 1);
    this.#thread.postMessage(END);
  }

  /** Ends the thread wherever it is; resolves once what it had has been taken back. */
  async terminate(): Promise<WorkerEnd> {
    const gone = this.#thread?.terminate();
    for (const loan of this.#loans) loan.wake();
    await gone;
    return await this.#ended;
  }

  #borrow(): readonly QueueLoan[] {
    const { nics, queuesPerWorker, pool } = this.#plan;
    if (this.core === undefined) return [];
    const queues = Array.from({ length: queuesPerWorker }, (_, i) => this.index * queuesPerWorker + i);
    const acquired = new ReleaseStack();
    try {
      return nics.map((nic) => {
        const loan = nic.lend?.({ rx: queues, tx: queues, memory: pool.memory });
        if (!loan) throw new IxyError('ERR_DEVICE_UNSUPPORTED', `${nic.name} cannot lend queues to workers`);
        acquired.push(() => loan.takeBack());
        return loan;
      });
    } catch (error) {
      acquired.release();
      throw error;
    }
  }

  /** Resolves when the module runs; rejects if the thread ends before. */
  #begun(thread: Thread): Promise<void> {
    return new Promise((resolve, reject) => {
      thread.once('message', () => {
        this.#state = 'running';
        resolve();
      });
      void this.#ended.then(({ error }) => reject(error));
    });
  }

  #end(thread: Thread): Promise<WorkerEnd> {
    let failure: Error | undefined;
    thread.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(errorMessage(error));
    });
    return new Promise((resolve) => thread.once('exit', (status) => resolve(this.#takeBack(status, failure))));
  }

  /** The thread is gone: its queues stop, and then its packets are nobody's. */
  #takeBack(status: number, failure: Error | undefined): WorkerEnd {
    const early = this.#state === 'starting';
    const died = failure !== undefined || status !== 0 || early;
    for (const loan of this.#loans) loan.takeBack();
    this.#loans = [];
    this.#thread = undefined;
    const recovered = this.#plan.pool.recover(memberOf(this.index));
    this.#state = died ? 'died' : 'ended';
    if (!died) return { worker: this.index, state: 'ended', recovered };
    const error = failure ?? new Error(`its thread ended ${early ? 'before it began' : `with status ${status}`}`);
    return { worker: this.index, state: 'died', error, recovered };
  }
}
