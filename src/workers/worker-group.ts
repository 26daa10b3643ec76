/** Workers that share NICs and packets. */
import { EventEmitter } from 'node:events';
import type { NetDevice } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import type { MultiRingConsumer } from '../memory/multi-producer-ring.ts';
import type { RingConsumer, RingProducer } from '../memory/packet-ring.ts';
import type { SharedPool } from '../memory/shared-pool.ts';
import { memberOf, RingEnds } from './rings.ts';
import { Worker, type WorkerEnd, type WorkerPlan } from './worker.ts';

export interface WorkerGroupEvents {
  /** A worker died. Its queues have been stopped, its packets are free; the others go on. */
  died: [WorkerEnd];
}

/** How long a worker that was asked to end may take until it is terminated. */
const PATIENCE_MILLISECONDS = 2000;
const DEAF = `it did not end within ${PATIENCE_MILLISECONDS} ms of being asked to; look at context.stopping or context.signal`;

/** What `runWorkers` resolves to. Whoever has it calls `stop`, best before the NICs are closed: it stops as soon as one is. */
export class WorkerGroup extends EventEmitter<WorkerGroupEvents> {
  /** One for each core, and then the helpers. */
  readonly workers: readonly Worker[];
  /** The packets of all workers, and of this thread, which is member 0; worker `i` is member `i + 1`. */
  readonly pool: SharedPool;
  readonly #rings: RingEnds;
  readonly #signal: AbortSignal | undefined;
  readonly #nics: readonly NetDevice[];
  /** What goes wrong is for whoever calls `stop`, too. */
  readonly #onEnd = (): void => void this.stop().catch(() => {});
  #stopping: Promise<readonly WorkerEnd[]> | undefined;

  /** For `runWorkers`. */
  constructor(cores: readonly number[], helpers: number, plan: WorkerPlan, signal: AbortSignal | undefined) {
    super();
    const threads = [...cores, ...Array<undefined>(helpers).fill(undefined)];
    this.workers = threads.map((core, index) => new Worker(index, core, plan));
    this.pool = plan.pool;
    this.#rings = new RingEnds(plan.rings, plan.pool.view(memberOf('main')), memberOf('main'));
    this.#signal = signal;
    this.#nics = plan.nics;
  }

  /** For `runWorkers`: starts all workers, or none. Rejects with the signal's reason if it is aborted meanwhile. */
  async start(): Promise<void> {
    this.#signal?.addEventListener('abort', this.#onEnd);
    for (const nic of this.#nics) nic.on('closed', this.#onEnd).on('removed', this.#onEnd);
    try {
      this.#signal?.throwIfAborted();
      await Promise.all(this.workers.map((worker) => this.#start(worker)));
      this.#signal?.throwIfAborted();
    } catch (error) {
      await this.stop();
      this.#signal?.throwIfAborted();
      throw error;
    }
  }

  /** Resolves when no worker runs any more, to how each of them ended the last time. */
  get ended(): Promise<readonly WorkerEnd[]> {
    return this.#allEnded();
  }

  /** Starts a worker again that has ended, with the same queues and rings. Throws `ERR_ARGUMENT`, `ERR_CLOSED`. */
  async restart(index: number): Promise<void> {
    if (this.#stopping) throw new IxyError('ERR_CLOSED', 'the workers have been stopped');
    const worker = this.workers[index];
    if (!worker) throw new IxyError('ERR_ARGUMENT', `there are ${this.workers.length} workers, found ${index}`);
    await this.#start(worker);
  }

  /**
   * Asks all workers to end, and terminates those that do not within 2 seconds; then the pool is closed. The NICs stay open, and
   * may lend their queues again. Idempotent. Throws `ERR_TIMEOUT` if a queue does not stop: packets then stay where the device
   * may still write to them.
   */
  stop(): Promise<readonly WorkerEnd[]> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** This thread's end of a ring of `WorkersOptions.rings`. Throws `ERR_ARGUMENT` if it has none there. */
  producer(ring: string): RingProducer {
    return this.#rings.producer(ring);
  }

  consumer(ring: string): RingConsumer | MultiRingConsumer {
    return this.#rings.consumer(ring);
  }

  async #start(worker: Worker): Promise<void> {
    await worker.start();
    void worker.ended.then((end) => {
      if (end.state === 'died' && !this.#stopping) this.emit('died', end);
    });
  }

  async #allEnded(): Promise<readonly WorkerEnd[]> {
    for (;;) {
      const ends = await Promise.all(this.workers.map((worker) => worker.ended));
      if (this.workers.every(({ state }) => state === 'ended' || state === 'died')) return ends;
    }
  }

  async #stop(): Promise<readonly WorkerEnd[]> {
    this.#signal?.removeEventListener('abort', this.#onEnd);
    for (const nic of this.#nics) nic.off('closed', this.#onEnd).off('removed', this.#onEnd);
    for (const worker of this.workers) worker.ask();
    const timer = setTimeout(() => {
      for (const worker of this.workers) void worker.terminate(DEAF);
    }, PATIENCE_MILLISECONDS);
    const ends = await this.#allEnded();
    clearTimeout(timer);
    for (const worker of this.workers) worker.settle();
    this.pool.close();
    return ends;
  }
}
