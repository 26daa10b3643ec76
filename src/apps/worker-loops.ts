/** The same packet loop on each of several cores: what they are told, what they count together, and when they end. */
import type { NetDevice } from '../drivers/net-device.ts';
import {
  type PollWatch,
  runWorkers,
  type WatchReader,
  type WorkerContext,
  type WorkerEnd,
  type WorkerGroup,
  type WorkersOptions,
} from '../workers/index.ts';
import { TransmitDrain } from './drain.ts';
import { FORWARDED, type LaneCounters, type LoopTotals, RECEIVED } from './lane-counters.ts';
import { BudgetShare, OwnBudget, type PacketBudget, SharedBudget } from './packet-budget.ts';
import type { Recording, RecordingShare } from './recording.ts';
import { StreamEnd } from './stream-end.ts';

export interface WorkerLoopsOptions<Job> {
  readonly cores: readonly number[];
  /** The loop's module, compiled; its default export is a `WorkerMain<LoopOrders<Job>>`. */
  readonly program: URL;
  /** Structured clone, for each loop. */
  readonly job: Job;
  /**
   * Where they count, each with as many queues of every port as that has. Way 0 leads from the first port to the second, or to
   * the first if it is the only one; way 1 back.
   */
  readonly totals: LoopTotals;
  /** Packets, over all loops; `counted` says which. Default: without end. */
  readonly count?: number | undefined;
  readonly counted: typeof RECEIVED | typeof FORWARDED;
  /** What a thread of its own writes to a file, of what loops give their `recorder`. */
  readonly recording?: Recording | undefined;
  /** Watch the loops. */
  readonly watch?: boolean | undefined;
  /** A loop died; the others go on. */
  readonly onDeath?: (end: WorkerEnd, core: number) => void;
}

/** What a loop's program finds in `WorkerContext.data`. */
export interface LoopOrders<Job> {
  readonly job: Job;
  readonly counters: readonly LaneCounters[];
  /** Words of a `SharedBudget`; undefined if there is no end. */
  readonly budget: Int32Array | undefined;
  readonly recording: RecordingShare | undefined;
}

/** Between two looks at what the loops have done. */
const LOOK_MILLISECONDS = 20;

/** Loops that run. Whoever started them waits for `run`, which stops them. */
export class WorkerLoops {
  readonly #options: WorkerLoopsOptions<unknown>;
  readonly #group: WorkerGroup;
  readonly #budget: SharedBudget | undefined;
  readonly #drains: readonly TransmitDrain[];
  readonly #streams: readonly StreamEnd[];
  /** No loop is left, or nobody to write what they record. */
  #deserted = false;
  #stopping = false;

  private constructor(
    ports: readonly NetDevice[],
    options: WorkerLoopsOptions<unknown>,
    group: WorkerGroup,
    budget: SharedBudget | undefined,
    drains: readonly TransmitDrain[],
  ) {
    this.#options = options;
    this.#group = group;
    this.#budget = budget;
    this.#drains = drains;
    const { totals } = options;
    this.#streams = ports.map(
      (port, way) => new StreamEnd(port, () => totals.total(way, RECEIVED) + totals.total(way, FORWARDED)),
    );
    // Not by the event 'died': some may have died while others were started.
    for (const worker of group.workers) {
      void worker.ended.then((end) => {
        if (end.state === 'died' && !this.#stopping) this.#onDeath(end);
      });
    }
    void group.ended.then(() => {
      this.#deserted = true;
    });
  }

  /** Throws what `runWorkers` throws. */
  static async start<Job>(ports: readonly NetDevice[], options: WorkerLoopsOptions<Job>): Promise<WorkerLoops> {
    const { cores, totals, count, job, recording } = options;
    const budget = count === undefined ? undefined : new SharedBudget(count, cores.length);
    const drains = ports.map((port) => new TransmitDrain(port));
    const data: LoopOrders<Job> = {
      job,
      counters: totals.counters,
      budget: budget?.words,
      recording: recording?.share,
    };
    const workers: WorkersOptions = {
      cores,
      queuesPerWorker: totals.queues,
      data,
      watch: options.watch ?? false,
      ...recording?.threads,
    };
    const group = await runWorkers(ports, workers, options.program);
    return new WorkerLoops(ports, options, group, budget, drains);
  }

  /** One for each loop, if they are watched. */
  get watches(): readonly WatchReader[] {
    return this.#group.workers.flatMap(({ watch }) => watch ?? []);
  }

  /**
   * Until the count is reached, the ports' traffic is over, no loop is left, or the signal is aborted; then until what the loops
   * sent has left the ports. Resolves to how the loops ended. Rejects with what went wrong with the recording.
   */
  async run(signal: AbortSignal): Promise<readonly WorkerEnd[]> {
    await this.#over(signal);
    this.#stopping = true;
    const ends = await this.#group.stop();
    const { totals } = this.#options;
    // What the last port sends came by way 0.
    await Promise.all(this.#drains.toReversed().map((drain, way) => drain.wait(totals.total(way, FORWARDED))));
    const loops = this.#options.cores.length;
    const writer = ends[loops];
    if (writer?.error) throw writer.error;
    return ends.slice(0, loops);
  }

  #over(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        this.#budget?.refill();
        if (!signal.aborted && !this.#isOver()) return;
        clearInterval(timer);
        signal.removeEventListener('abort', look);
        resolve();
      };
      const timer = setInterval(look, LOOK_MILLISECONDS);
      signal.addEventListener('abort', look);
      look();
    });
  }

  #isOver(): boolean {
    const { totals, count = Number.POSITIVE_INFINITY, counted } = this.#options;
    let done = 0;
    for (let way = 0; way < totals.ways; way++) done += totals.total(way, counted);
    return (
      this.#deserted ||
      done >= count ||
      this.#options.recording?.ended === true ||
      StreamEnd.reached(this.#streams, performance.now())
    );
  }

  /** What the dead loop might still have taken, the others may take. */
  #onDeath(end: WorkerEnd): void {
    const { cores, recording, onDeath } = this.#options;
    recording?.finished(end.worker);
    if (end.worker >= cores.length) {
      this.#deserted = true;
      return;
    }
    this.#budget?.recover(end.worker);
    onDeath?.(end, cores[end.worker]);
  }
}

/** In a loop's program: where it counts, what it may take, and who watches. */
export function loopShare<Job>({ index, data, watch }: WorkerContext<LoopOrders<Job>>): {
  readonly counters: LaneCounters;
  readonly budget: PacketBudget;
  readonly watch: PollWatch | undefined;
} {
  const budget = data.budget ? new BudgetShare(data.budget, index) : new OwnBudget();
  return { counters: data.counters[index], budget, watch };
}
