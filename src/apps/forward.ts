/** The forwarder: what one port receives, the other one sends, both ways, in one loop. */
import type { NetDevice, RxQueue, TxQueue } from '../drivers/net-device.ts';
import { checkInteger, IxyError } from '../errors.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import { TransmitDrain } from './drain.ts';
import type { PacketRecorder } from './packet-recorder.ts';
import { DONE, type PollMode, type PollOptions, poll } from './poll.ts';
import { POLL_BUDGET, pollOptions } from './poll-mode.ts';
import { StreamEnd } from './stream-end.ts';

/** What any batch can hold. */
const LARGEST_BURST = 4096;

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
  readonly onPackets?: (batch: PacketBatch, from: NetDevice, to: NetDevice) => void;
  /** Gets each burst as it was received. It stays the caller's. */
  readonly recorder?: PacketRecorder | undefined;
  /**
   * What becomes of packets that the other port has no room for: 'drop' (default) counts them and goes on, as a switch
   * does; 'wait' keeps them and receives no more until they are sent, which loses nothing where the source can wait, as
   * files can.
   */
  readonly whenFull?: 'drop' | 'wait' | undefined;
  /** How to wait for packets; default 'busy'. `bestPollMode` knows what the ports can do; `whenFull: 'wait'` needs 'busy'. */
  readonly pollMode?: PollMode | undefined;
}

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
  readonly #count: number;
  readonly #polling: PollOptions;

  /** Uses queue 0 of each port. Throws `ERR_ARGUMENT`. */
  constructor(a: NetDevice, b: NetDevice, options: ForwarderOptions = {}) {
    const { count = Number.MAX_SAFE_INTEGER, pollMode = 'busy' } = options;
    checkInteger('count', count, 0, Number.MAX_SAFE_INTEGER);
    this.#count = count;
    if (pollMode !== 'busy' && options.whenFull === 'wait') {
      throw new IxyError('ERR_ARGUMENT', `nothing wakes a forwarder that waits for room in mode '${pollMode}'`);
    }
    this.#polling = pollOptions([a, b], pollMode);
    this.directions = [new Direction(a, b, options), new Direction(b, a, options)];
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
    const moved = there.step(this.#left()) + back.step(this.#left());
    return this.#left() === 0 && there.waiting + back.waiting === 0 ? DONE : moved;
  }

  /** Whether all packets of a port whose traffic has an end have passed, for calls between slices. */
  get ended(): boolean {
    return StreamEnd.reached(this.#streams, performance.now());
  }

  /** Drops, and counts, packets that still wait. */
  close(): void {
    for (const direction of this.directions) direction.close();
  }

  /** Packets that may still be received, or a full burst if that is less. */
  #left(): number {
    const [there, back] = this.directions;
    return Math.min(this.#count - there.received - back.received, LARGEST_BURST);
  }
}

/** One way through a forwarder. */
export class Direction {
  readonly from: NetDevice;
  readonly to: NetDevice;
  received = 0;
  forwarded = 0;
  dropped = 0;
  readonly #rx: RxQueue;
  readonly #tx: TxQueue;
  readonly #waits: boolean;
  readonly #onPackets: (batch: PacketBatch, from: NetDevice, to: NetDevice) => void;
  readonly #recorder: PacketRecorder | undefined;
  #batch: PacketBatch;

  constructor(from: NetDevice, to: NetDevice, options: ForwarderOptions) {
    this.from = from;
    this.to = to;
    this.#rx = from.rx[0];
    this.#tx = to.tx[0];
    this.#waits = options.whenFull === 'wait';
    this.#onPackets = options.onPackets ?? touchPackets;
    this.#recorder = options.recorder;
    this.#batch = new PacketBatch(options.batchSize ?? POLL_BUDGET);
  }

  /** Packets that the other port has no room for yet. */
  get waiting(): number {
    return this.#batch.length;
  }

  /** Receives at most `limit` packets and sends them, or goes on sending what waits; returns how many packets moved. */
  step(limit: number): number {
    if (this.waiting > 0) return this.#send(this.#batch);
    if (limit === 0) return 0;
    if (limit < this.#batch.capacity) this.#batch = new PacketBatch(limit); // the last burst before the count is reached
    const batch = this.#batch;
    const received = this.#rx.receive(batch);
    if (received === 0) {
      this.#tx.transmit(batch); // the pool may be empty because all its packets lie in this ring, sent long ago
      return 0;
    }
    this.received += received;
    this.#recorder?.record(batch);
    this.#onPackets(batch, this.from, this.to);
    this.#send(batch);
    return received;
  }

  close(): void {
    this.#drop(this.#batch);
  }

  summary(): DirectionSummary {
    const { from, to, received, forwarded, dropped } = this;
    return { from: from.name, to: to.name, received, forwarded, dropped };
  }

  /** Returns how many packets the port took. What it refuses for good it counts by itself, and took as well. */
  #send(batch: PacketBatch): number {
    const before = batch.length;
    this.#tx.transmit(batch);
    const taken = before - batch.length;
    this.forwarded += taken;
    if (batch.length > 0 && !this.#waits) this.#drop(batch);
    return taken;
  }

  #drop(batch: PacketBatch): void {
    this.dropped += batch.length;
    batch.free();
  }
}
