/** A thread that borrows queues and echoes what they receive, for tests of loans. It runs compiled files. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { QueueLoan } from '../../src/drivers/lending/loan.ts';
import type { PoolShare } from '../../src/memory/shared-pool.ts';
import { MARK_OFFSET } from './flow-traffic.ts';
import { workerEnd } from './process.ts';

const DIST = new URL('../../dist/', import.meta.url);

interface BorrowerOptions {
  readonly loan: QueueLoan;
  readonly pool: PoolShare;
  /** What it writes into frames at `MARK_OFFSET`. */
  readonly mark: number;
  /** Sleeps on the first queue's interrupt instead of polling. */
  readonly sleeps?: boolean;
}

// Echoes until word 0 of `control` says to stop; word 1 counts packets, word 2 times that it slept.
const PROGRAM = `
  const { parentPort, workerData } = require('node:worker_threads');
  (async () => {
    const { dist, loan, pool: share, mark, sleeps, control } = workerData;
    const { borrowQueues } = await import(dist + 'ports/borrow-queues.js');
    const { PacketBatch } = await import(dist + 'memory/packet-batch.js');
    const { SharedPool } = await import(dist + 'memory/shared-pool.js');
    const { nap } = await import(dist + 'nap.js');
    const pool = SharedPool.attach(share);
    const queues = borrowQueues(loan, pool, (error) => parentPort.postMessage(error.code + ' ' + error.message));
    const batch = new PacketBatch(32);
    const interrupt = queues.rx[0]?.interrupt;
    parentPort.postMessage('running');
    while (Atomics.load(control, 0) === 0) {
      let moved = 0;
      for (let i = 0; i < queues.rx.length; i++) {
        moved += queues.rx[i].receive(batch);
        for (let p = 0; p < batch.length; p++) pool.bytes[batch.offsets[p] + ${MARK_OFFSET}] = mark;
        queues.tx[i].transmit(batch);
        batch.free();
      }
      Atomics.add(control, 1, moved);
      if (moved > 0) continue;
      if (!sleeps) {
        nap(0.2);
      } else if (interrupt.arm()) {
        if (queues.rx[0].receive(batch) > 0) interrupt.disarm();
        else if (Atomics.load(control, 0) === 0) { Atomics.add(control, 2, 1); interrupt.wait(-1); }
        for (let p = 0; p < batch.length; p++) pool.bytes[batch.offsets[p] + ${MARK_OFFSET}] = mark;
        queues.tx[0].transmit(batch);
        batch.free();
      } else break;
    }
    const pending = queues.tx.map((queue) => queue.pending());
    const name = queues.name;
    queues.close();
    parentPort.postMessage({ pending, name });
  })().catch((error) => { parentPort.postMessage('failed: ' + error.stack); process.exit(1); });
`;

export class Borrower {
  readonly #worker: Worker;
  readonly #control = new Int32Array(new SharedArrayBuffer(64));
  readonly #end: Promise<number>;
  readonly #messages: unknown[] = [];
  readonly #wake: () => void;
  #onMessage: () => void = () => {};

  constructor(options: BorrowerOptions) {
    if (!existsSync(new URL('index.js', DIST))) throw new Error('workers need compiled files; run: npm run build');
    this.#wake = () => options.loan.wake();
    const workerData = { ...options, loan: options.loan.data, control: this.#control, dist: DIST.href };
    this.#worker = new Worker(PROGRAM, { eval: true, workerData });
    this.#worker.on('message', (message) => {
      this.#messages.push(message);
      this.#onMessage();
    });
    this.#end = workerEnd(this.#worker).then((status) => {
      this.#onMessage();
      return status;
    });
  }

  /** Packets that it has received. */
  get packets(): number {
    return Atomics.load(this.#control, 1);
  }

  /** Times that it has gone to sleep. */
  get sleeps(): number {
    return Atomics.load(this.#control, 2);
  }

  /** Resolves once it has its queues. */
  async running(): Promise<void> {
    const message = await this.#next();
    if (message !== 'running') throw new Error(String(message));
  }

  /** Has it stop by itself; what it said at the end. */
  async stop(): Promise<{ readonly pending: readonly number[]; readonly name: string }> {
    Atomics.store(this.#control, 0, 1);
    return await this.ended();
  }

  /** What it said when it stopped by itself. */
  async ended(): Promise<{ readonly pending: readonly number[]; readonly name: string }> {
    const last = await this.#next();
    if (typeof last !== 'object') throw new Error(String(last));
    await this.#end;
    return last as { readonly pending: readonly number[]; readonly name: string };
  }

  /** The next thing it says. */
  async says(): Promise<unknown> {
    return await this.#next();
  }

  async kill(): Promise<void> {
    const dead = this.#worker.terminate();
    this.#wake();
    await dead;
  }

  async #next(): Promise<unknown> {
    if (this.#messages.length === 0) {
      await Promise.race([new Promise<void>((done) => (this.#onMessage = done)), this.#end]);
    }
    return this.#messages.shift() ?? 'it has ended without a word';
  }
}
