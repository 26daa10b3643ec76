/** The packet generator: packets are a template's, and per packet only what differs is written. */
import type { NetDevice, TxQueue } from '../drivers/net-device.ts';
import { checkInteger } from '../errors.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import { PacketStamper, type PacketTemplate, type StampOptions } from '../packets/index.ts';
import { TransmitDrain } from './drain.ts';
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

/**
 * A generator whose counter can be read while it runs. For loops of one's own: call `step` as often as possible, and
 * `close` at the end.
 */
export class Generator {
  /** Packets given to the port. */
  packets = 0;
  readonly #size: number;
  readonly #queue: TxQueue;
  readonly #packets: TemplatePackets;
  readonly #batch: PacketBatch;
  readonly #stamper: PacketStamper;
  readonly #bucket: TokenBucket | undefined;
  readonly #now: () => number;
  readonly #drain: TransmitDrain;
  /** Packets not yet stamped. */
  #left: number;

  /** Uses queue 0 of `device`. Throws `ERR_ARGUMENT`, or what allocating memory throws. */
  constructor(device: NetDevice, options: GeneratorOptions) {
    const {
      template,
      fields = { sequence: true },
      rate,
      count,
      batchSize = 64,
      now = () => performance.now(),
    } = options;
    if (count !== undefined) checkInteger('count', count, 0, Number.MAX_SAFE_INTEGER);
    this.#size = template.size;
    this.#batch = new PacketBatch(batchSize);
    this.#stamper = new PacketStamper(template, fields);
    this.#now = now;
    this.#bucket = rate && new TokenBucket(packetsPerSecond(rate, template.size), now());
    this.#left = count ?? Number.POSITIVE_INFINITY;
    this.#queue = device.tx[0];
    this.#drain = new TransmitDrain(device);
    this.#packets = new TemplatePackets(device, template, batchSize);
  }

  /** The loop of `generate`; waits until all packets have left the port, and closes the generator. */
  async run(signal?: AbortSignal): Promise<GenerateSummary> {
    try {
      await poll(() => this.step(), { signal });
      await this.#drain.wait(this.packets);
    } finally {
      this.close();
    }
    return { packets: this.packets, bytes: this.packets * this.#size };
  }

  /** Sends a burst; returns how many packets the port took, 0 if none was due or there was no room, DONE at the end. */
  step(): number {
    const batch = this.#batch;
    this.#prepare(batch);
    if (batch.length === 0 && this.#left === 0) return DONE;
    const before = batch.length;
    this.#queue.transmit(batch); // what is left is stamped already, and goes first the next time
    const taken = before - batch.length;
    this.packets += taken;
    return taken;
  }

  /** Drops packets that the port has not taken, and gives up the pool, which lives on until the port is closed. */
  close(): void {
    this.#batch.free();
    this.#packets.pool.close();
  }

  /** Fills the batch with as many stamped packets as may leave now. */
  #prepare(batch: PacketBatch): void {
    const first = batch.length;
    let count = batch.capacity - first;
    if (count > this.#left) count = this.#left;
    const bucket = this.#bucket;
    if (bucket) {
      const allowed = bucket.available(this.#now());
      if (count > allowed) count = allowed;
    }
    const taken = this.#packets.take(batch, count);
    const { bytes } = this.#packets.pool;
    for (let i = first; i < batch.length; i++) this.#stamper.stamp(bytes, batch.offsets[i]);
    bucket?.spend(taken);
    this.#left -= taken;
  }
}
