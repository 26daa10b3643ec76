/** The forwarder: what one port receives, the other one sends, both ways, in one loop. */
import type { NetDevice, RxQueue, TxQueue } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import type { PollWatch } from '../workers/poll-watch.ts';
import { TransmitDrain } from './drain.ts';
import { createLaneCounters, DROPPED, FORWARDED, type LaneCounters, laneOf, RECEIVED } from './lane-counters.ts';
import type { LoopPort } from './loop-port.ts';
import { OwnBudget, type PacketBudget } from './packet-budget.ts';
import { DONE, type PollMode, type PollOptions, poll } from './poll.ts';
import { POLL_BUDGET, pollOptions } from './poll-mode.ts';
import type { Recorder } from './recorder.ts';
import { StreamEnd } from './stream-end.ts';

/** How a `Forwarder` works. */
export interface ForwarderOptions {
  /** The poll budget: most packets per burst, 1 … 4096; default `POLL_BUDGET`, 64. */
  readonly batchSize?: number | undefined;
  /** Packets to receive, over both directions; default: without end. */
  readonly count?: number | undefined;
  /**
   * Called with each burst, which it may change, and from which it may take packets that it then frees or keeps. Default:
   * `touchPackets`.
   */
  readonly onPackets?: OnPackets;
  /** Gets each burst as it was received. It stays the caller's. */
  readonly recorder?: Recorder | undefined;
  /**
   * What becomes of packets that the other port has no room for: 'drop' (default) counts them and goes on, as a switch
   * does; 'wait' keeps them and receives no more until they are sent, which loses nothing where the source can wait, as
   * files can.
   */
  readonly whenFull?: 'drop' | 'wait' | undefined;
  /** How to wait for packets; default 'busy'. `bestPollMode` knows what the ports can do; `whenFull: 'wait'` needs 'busy'. */
  readonly pollMode?: PollMode | undefined;
  /** Instead of `count`: what is shared with other loops. */
  readonly budget?: PacketBudget | undefined;
  /** Where to count: a lane for each receive queue of one port, and then of the other. Default: in arrays of its own. */
  readonly counters?: LaneCounters | undefined;
  /** Watches the loop; see `PollOptions.watch`. */
  readonly watch?: PollWatch | undefined;
}

/** See `ForwarderOptions.onPackets`. */
export type OnPackets = (batch: PacketBatch, from: LoopPort, to: LoopPort) => void;

/** What `forward` is asked for: how to work, and when to end. */
export interface ForwardOptions extends ForwarderOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What passed one way, by the names of the ports. */
export interface DirectionSummary {
  readonly from: string;
  readonly to: string;
  /** Packets received: those forwarded, those dropped, and those that `onPackets` took out. */
  readonly received: number;
  /** Packets given to the other port. */
  readonly forwarded: number;
  /** Packets that the other port had no room for. */
  readonly dropped: number;
}

/**
 * Brings the first cache line of each packet into this core and writes to it, which is what forwarding costs a program
 * that changes headers. The byte written is the one read: packets pass unchanged, with valid checksums.
 */
export function touchPackets(batch: PacketBatch): void {
  const { pool, offsets, length } = batch;
  const { bytes } = pool;
  for (let i = 0; i < length; i++) {
    const first = bytes[offsets[i]];
    bytes[offsets[i]] = first;
  }
}

/** Forwards until the count is reached, the traffic of a port that has an end is over, or the signal is aborted. */
export async function forward(
  a: NetDevice,
  b: NetDevice,
  { signal, ...options }: ForwardOptions = {},
): Promise<readonly DirectionSummary[]> {
  return new Forwarder(a, b, options).run(signal);
}

/**
 * A forwarder whose counters can be read while it runs. For loops of one's own: call `step` as often as possible, and
 * `close` at the end.
 */
export class Forwarder {
  readonly directions: readonly [Direction, Direction];
  readonly #streams: readonly StreamEnd[];
  readonly #drains: readonly TransmitDrain[];
  readonly #budget: PacketBudget;
  readonly #polling: PollOptions;

  /** Uses all queues of each port: what receive queue i gives goes to transmit queue i. Throws `ERR_ARGUMENT`. */
  constructor(a: LoopPort, b: LoopPort, options: ForwarderOptions = {}) {
    const { pollMode = 'busy', budget = new OwnBudget(options.count) } = options;
    this.#budget = budget;
    if (pollMode !== 'busy' && options.whenFull === 'wait') {
      throw new IxyError('ERR_ARGUMENT', `nothing wakes a forwarder that waits for room in mode '${pollMode}'`);
    }
    this.#polling = { ...pollOptions([a, b], pollMode), watch: options.watch };
    const { counters = createLaneCounters(a.rx.length + b.rx.length) } = options;
    const lanesOf = (from: LoopPort, first: number): LaneCounters[] =>
      from.rx.map((_, lane) => laneOf(counters, first + lane));
    this.directions = [
      new Direction(a, b, { ...options, budget, counters: lanesOf(a, 0) }),
      new Direction(b, a, { ...options, budget, counters: lanesOf(b, a.rx.length) }),
    ];
    this.#streams = this.directions.map(
      (direction) => new StreamEnd(direction.from, () => direction.received + direction.forwarded),
    );
    this.#drains = this.directions.map((direction) => new TransmitDrain(direction.to));
  }

  /** The loop of `forward`; waits until what was forwarded has left the ports, and closes the forwarder. */
  async run(signal?: AbortSignal): Promise<readonly DirectionSummary[]> {
    try {
      await poll(() => this.step(), { ...this.#polling, signal, until: () => this.ended });
      await Promise.all(this.#drains.map((drain, i) => drain.wait(this.directions[i].forwarded)));
    } finally {
      this.close();
    }
    return this.directions.map((direction) => direction.summary());
  }

  /** A burst each way; returns how many packets moved, or DONE when the count is reached and nothing waits. */
  step(): number {
    const [there, back] = this.directions;
    const moved = there.step() + back.step();
    return this.#budget.spent && there.waiting + back.waiting === 0 ? DONE : moved;
  }

  /** Whether all packets of a port whose traffic has an end have passed, for calls between slices. */
  get ended(): boolean {
    return StreamEnd.reached(this.#streams, performance.now());
  }

  /** Drops, and counts, packets that still wait. */
  close(): void {
    for (const direction of this.directions) direction.close();
  }
}

interface DirectionOptions extends Omit<ForwarderOptions, 'counters'> {
  readonly budget: PacketBudget;
  /** For each receive queue. */
  readonly counters: readonly LaneCounters[];
}

/** One way through a forwarder. */
export class Direction {
  readonly from: LoopPort;
  readonly to: LoopPort;
  readonly #lanes: readonly Lane[];
  readonly #counters: readonly LaneCounters[];

  constructor(from: LoopPort, to: LoopPort, options: DirectionOptions) {
    this.from = from;
    this.to = to;
    this.#counters = options.counters;
    this.#lanes = from.rx.map((_, lane) => new Lane(from, to, lane, options));
  }

  get received(): number {
    return this.#sum(RECEIVED);
  }

  get forwarded(): number {
    return this.#sum(FORWARDED);
  }

  get dropped(): number {
    return this.#sum(DROPPED);
  }

  /** Packets that the other port has no room for yet. */
  get waiting(): number {
    const lanes = this.#lanes;
    let waiting = 0;
    for (let i = 0; i < lanes.length; i++) waiting += lanes[i].waiting;
    return waiting;
  }

  /** A burst from each queue; returns how many packets moved. */
  step(): number {
    const lanes = this.#lanes;
    let moved = 0;
    for (let i = 0; i < lanes.length; i++) moved += lanes[i].step();
    return moved;
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }

  summary(): DirectionSummary {
    const { from, to, received, forwarded, dropped } = this;
    return { from: from.name, to: to.name, received, forwarded, dropped };
  }

  #sum(counter: number): number {
    return this.#counters.reduce((sum, counters) => sum + counters[counter], 0);
  }
}

/** From a receive queue to a transmit queue. */
class Lane {
  readonly #from: LoopPort;
  readonly #to: LoopPort;
  readonly #rx: RxQueue;
  readonly #tx: TxQueue;
  readonly #waits: boolean;
  readonly #onPackets: OnPackets;
  readonly #recorder: Recorder | undefined;
  readonly #budget: PacketBudget;
  readonly #counters: LaneCounters;
  readonly #batchSize: number;
  #batch: PacketBatch;

  constructor(from: LoopPort, to: LoopPort, lane: number, options: DirectionOptions) {
    this.#from = from;
    this.#to = to;
    this.#rx = from.rx[lane];
    this.#tx = to.tx[lane % to.tx.length];
    this.#waits = options.whenFull === 'wait';
    this.#onPackets = options.onPackets ?? touchPackets;
    this.#recorder = options.recorder;
    this.#budget = options.budget;
    this.#counters = options.counters[lane];
    this.#batchSize = options.batchSize ?? POLL_BUDGET;
    this.#batch = new PacketBatch(this.#batchSize);
  }

  get waiting(): number {
    return this.#batch.length;
  }

  /** Receives a burst and sends it, or goes on sending what waits; returns how many packets moved. */
  step(): number {
    if (this.waiting > 0) return this.#send(this.#batch);
    const allowed = this.#budget.allow(this.#batchSize);
    if (allowed === 0) return 0;
    if (allowed !== this.#batch.capacity) this.#batch = new PacketBatch(allowed); // near the end of the budget
    const batch = this.#batch;
    const received = this.#rx.receive(batch);
    this.#budget.use(received);
    if (received === 0) {
      this.#tx.transmit(batch); // the pool may be empty because all its packets lie in this ring, sent long ago
      return 0;
    }
    this.#counters[RECEIVED] += received;
    this.#recorder?.record(batch);
    this.#onPackets(batch, this.#from, this.#to);
    this.#send(batch);
    return received;
  }

  close(): void {
    this.#drop(this.#batch);
  }

  /** Returns how many packets the port took. What it refuses for good it counts by itself, and took as well. */
  #send(batch: PacketBatch): number {
    const before = batch.length;
    this.#tx.transmit(batch);
    const taken = before - batch.length;
    this.#counters[FORWARDED] += taken;
    if (batch.length > 0 && !this.#waits) this.#drop(batch);
    return taken;
  }

  #drop(batch: PacketBatch): void {
    this.#counters[DROPPED] += batch.length;
    batch.free();
  }
}
