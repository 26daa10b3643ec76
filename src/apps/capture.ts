/** The capture: everything that a port receives, recorded. */
import type { RxQueue } from '../drivers/net-device.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import type { PollWatch } from '../workers/poll-watch.ts';
import { createLaneCounters, type LaneCounters, laneOf, RECEIVED } from './lane-counters.ts';
import type { LoopPort } from './loop-port.ts';
import { OwnBudget, type PacketBudget } from './packet-budget.ts';
import { DONE, type PollMode, poll } from './poll.ts';
import { POLL_BUDGET, pollOptions } from './poll-mode.ts';
import type { Recorder } from './recorder.ts';
import { StreamEnd } from './stream-end.ts';

/** What `capture` is asked for. */
export interface CaptureOptions {
  readonly signal?: AbortSignal | undefined;
  /** Packets to receive; default: without end. */
  readonly count?: number | undefined;
  /** The poll budget: most packets per burst, 1 … 4096; default `POLL_BUDGET`, 64. */
  readonly batchSize?: number | undefined;
  /** How to wait for packets; default 'busy'. `bestPollMode` knows what the port can do. */
  readonly pollMode?: PollMode | undefined;
  /** Instead of `count`: what is shared with other loops. */
  readonly budget?: PacketBudget | undefined;
  /** Where to count, a lane for each receive queue. Default: in arrays of its own. */
  readonly counters?: LaneCounters | undefined;
  /** Watches the loop; see `PollOptions.watch`. */
  readonly watch?: PollWatch | undefined;
}

/** What `capture` did. */
export interface CaptureSummary {
  /** Packets received: those recorded, and those dropped because whoever writes them was too slow. */
  readonly received: number;
  readonly recorded: number;
  readonly dropped: number;
}

/**
 * Records from all queues of `port` until the count is reached, the port's traffic is over, the reader of the recorder's pipe
 * has gone, or the signal is aborted. The recorder stays the caller's to close. Whom packets must be addressed to is the
 * port's to say: see `setPromiscuous`. Throws `ERR_ARGUMENT`, and `ERR_SYSTEM` where writing fails.
 */
export async function capture(
  port: LoopPort,
  recorder: Recorder,
  options: CaptureOptions = {},
): Promise<CaptureSummary> {
  const { signal, pollMode = 'busy', budget = new OwnBudget(options.count) } = options;
  const { counters = createLaneCounters(port.rx.length), batchSize = POLL_BUDGET } = options;
  const lanes = port.rx.map((queue, lane) => new Lane(queue, recorder, { budget, batchSize }, laneOf(counters, lane)));
  const step = (): number => {
    if (budget.spent || recorder.ended) return DONE;
    let moved = 0;
    for (let i = 0; i < lanes.length; i++) moved += lanes[i].step();
    return moved;
  };
  const received = (): number => lanes.reduce((sum, lane) => sum + lane.received, 0);
  const stream = [new StreamEnd(port, received)];
  const { recorded, dropped } = recorder;
  await poll(step, {
    ...pollOptions([port], pollMode),
    watch: options.watch,
    signal,
    until: () => StreamEnd.reached(stream, performance.now()),
  });
  return { received: received(), recorded: recorder.recorded - recorded, dropped: recorder.dropped - dropped };
}

/** A receive queue, and what it gives. */
class Lane {
  readonly #queue: RxQueue;
  readonly #recorder: Recorder;
  readonly #budget: PacketBudget;
  readonly #batchSize: number;
  readonly #counters: LaneCounters;
  #batch: PacketBatch;

  constructor(
    queue: RxQueue,
    recorder: Recorder,
    { budget, batchSize }: { readonly budget: PacketBudget; readonly batchSize: number },
    counters: LaneCounters,
  ) {
    this.#queue = queue;
    this.#recorder = recorder;
    this.#budget = budget;
    this.#batchSize = batchSize;
    this.#counters = counters;
    this.#batch = new PacketBatch(batchSize);
  }

  get received(): number {
    return this.#counters[RECEIVED];
  }

  step(): number {
    const allowed = this.#budget.allow(this.#batchSize);
    if (allowed === 0) return 0;
    if (allowed !== this.#batch.capacity) this.#batch = new PacketBatch(allowed); // near the end of the budget
    const batch = this.#batch;
    const received = this.#queue.receive(batch);
    this.#budget.use(received);
    if (received === 0) return 0;
    this.#counters[RECEIVED] += received;
    try {
      this.#recorder.record(batch);
    } finally {
      batch.free();
    }
    return received;
  }
}
