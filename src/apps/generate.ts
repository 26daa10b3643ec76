/** The packet generator: packets are a template's, and per packet only what differs is written. */
import type { NetDevice, TxQueue } from '../drivers/net-device.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import { PacketStamper, type PacketTemplate, type StampOptions } from '../packets/index.ts';
import type { PollWatch } from '../workers/poll-watch.ts';
import { TransmitDrain } from './drain.ts';
import { createLaneCounters, FORWARDED, type LaneCounters, laneOf } from './lane-counters.ts';
import type { LoopPort } from './loop-port.ts';
import { OwnBudget, type PacketBudget } from './packet-budget.ts';
import { DONE, poll } from './poll.ts';
import { TemplatePackets } from './template-packets.ts';
import { type PacketRate, packetsPerSecond, TokenBucket } from './token-bucket.ts';

/** What a `Generator` sends, how fast, and how much. */
export interface GeneratorOptions {
  /** At most 9514 bytes. Beyond 2048, what one buffer holds, packets are chains. */
  readonly template: PacketTemplate;
  /** What differs from packet to packet; default: a sequence number in the payload. */
  readonly fields?: StampOptions;
  /** Default: as fast as the port takes them. */
  readonly rate?: PacketRate | undefined;
  /** Packets to send; default: without end. */
  readonly count?: number | undefined;
  /** Most packets per burst, 1 … 4096; default 64. */
  readonly batchSize?: number | undefined;
  /** Milliseconds from any start; default: the machine's monotonic clock. */
  readonly now?: () => number;
  /** Whose packets to send; nobody else may take any. Default: a pool of its own. */
  readonly pool?: PacketPool;
  /** Instead of `count`: what is shared with other loops. */
  readonly budget?: PacketBudget;
  /** Where to count, a lane for each transmit queue. Default: in arrays of its own. */
  readonly counters?: LaneCounters;
  /** Watches the loop; see `PollOptions.watch`. */
  readonly watch?: PollWatch | undefined;
}

/** What `generate` is asked for: what to send, and when to end. */
export interface GenerateOptions extends GeneratorOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What `generate` sent. */
export interface GenerateSummary {
  /** Packets given to the port, and their bytes without CRC. */
  readonly packets: number;
  readonly bytes: number;
}

/** Sends packets until the count is reached or the signal is aborted, and waits until they have left. */
export async function generate(device: NetDevice, { signal, ...options }: GenerateOptions): Promise<GenerateSummary> {
  return new Generator(device, options).run(signal);
}

/** A transmit queue, and the packets that it has no room for yet: they are stamped already, and go first the next time. */
interface Lane {
  readonly queue: TxQueue;
  readonly batch: PacketBatch;
  readonly counters: LaneCounters;
}

/**
 * A generator whose counter can be read while it runs. For loops of one's own: call `step` as often as possible, and
 * `close` at the end.
 */
export class Generator {
  readonly #size: number;
  readonly #lanes: readonly Lane[];
  readonly #packets: TemplatePackets;
  readonly #stamper: PacketStamper;
  readonly #bucket: TokenBucket | undefined;
  readonly #now: () => number;
  readonly #drain: TransmitDrain;
  readonly #budget: PacketBudget;
  readonly #watch: PollWatch | undefined;
  /** Packets in all batches. */
  #prepared = 0;
  /** The lane whose turn it is. */
  #turn = 0;

  /** Sends to all queues of `port` in turn. Throws `ERR_ARGUMENT`, or what allocating memory throws. */
  constructor(port: LoopPort, options: GeneratorOptions) {
    const {
      template,
      fields = { sequence: true },
      rate,
      batchSize = 64,
      now = () => performance.now(),
      budget = new OwnBudget(options.count),
      counters = createLaneCounters(port.tx.length),
    } = options;
    this.#size = template.size;
    this.#lanes = port.tx.map((queue, lane) => {
      return { queue, batch: new PacketBatch(batchSize), counters: laneOf(counters, lane) };
    });
    this.#stamper = new PacketStamper(template, fields);
    this.#now = now;
    this.#bucket = rate && new TokenBucket(packetsPerSecond(rate, template.size), now());
    this.#budget = budget;
    this.#watch = options.watch;
    this.#drain = new TransmitDrain(port);
    this.#packets = new TemplatePackets(port, template, batchSize, options.pool);
  }

  /** Packets given to the port. */
  get packets(): number {
    return this.#lanes.reduce((sum, { counters }) => sum + counters[FORWARDED], 0);
  }

  /** The loop of `generate`; waits until all packets have left the port, and closes the generator. */
  async run(signal?: AbortSignal): Promise<GenerateSummary> {
    try {
      await poll(() => this.step(), { signal, watch: this.#watch });
      await this.#drain.wait(this.packets);
    } finally {
      this.close();
    }
    return { packets: this.packets, bytes: this.packets * this.#size };
  }

  /**
   * Sends a burst to the queue whose turn it is; returns how many packets the port took, 0 if none was due or there was no
   * room, DONE at the end.
   */
  step(): number {
    const { queue, batch, counters } = this.#lanes[this.#turn];
    this.#turn = this.#turn + 1 === this.#lanes.length ? 0 : this.#turn + 1;
    this.#prepare(batch);
    if (this.#budget.spent) return DONE;
    const before = batch.length;
    queue.transmit(batch);
    const taken = before - batch.length;
    if (taken === 0) return 0;
    counters[FORWARDED] += taken;
    this.#budget.use(taken);
    this.#prepared -= taken;
    return taken;
  }

  /** Drops packets that the port has not taken, and gives up a pool of its own, which lives on until the port is closed. */
  close(): void {
    for (const { batch } of this.#lanes) batch.free();
    this.#packets.close();
  }

  /** Fills the batch with as many stamped packets as may leave now. */
  #prepare(batch: PacketBatch): void {
    const first = batch.length;
    let count = batch.capacity - first;
    const bucket = this.#bucket;
    if (bucket) {
      const due = bucket.available(this.#now());
      if (count > due) count = due;
    }
    const allowed = this.#budget.allow(this.#prepared + count) - this.#prepared;
    const taken = this.#packets.take(batch, Math.max(allowed, 0));
    const { bytes } = this.#packets.pool;
    for (let i = first; i < batch.length; i++) this.#stamper.stamp(bytes, batch.offsets[i]);
    this.#prepared += taken;
    bucket?.spend(taken);
  }
}
