/**
 * A capture file that a thread of its own writes, fed by the rings of several loops: whatever the file takes, no loop waits for
 * it. What finds no room in a loop's ring is left out of the recording, and counted.
 */
import { closeChecksum } from '../memory/complete-checksum.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../memory/packet-pool.ts';
import type { RingProducer } from '../memory/packet-ring.ts';
import type { CaptureWriterOptions } from '../packets/index.ts';
import type { WorkersOptions } from '../workers/index.ts';
import type { Recorder } from './recorder.ts';

export interface RecordingOptions extends CaptureWriterOptions {
  /** As `PacketRecorder` takes it. */
  readonly path: string;
}

/** What its threads know of a recording: plain data, and shared memory. */
export interface RecordingShare {
  readonly options: RecordingOptions;
  /** Packets written, packets that the writer left out, whether it has ended, and from `LOOPS` on what loops left out. */
  readonly counters: Float64Array;
  /** By loop: not 0 once it records no more. */
  readonly finished: Int32Array;
}

export const WRITTEN = 0;
export const LEFT_OUT = 1;
export const ENDED = 2;
/** Counters of different threads lie on different cache lines. */
const STRIDE = 16;
const LOOPS = STRIDE;

/** The ring from the loops to the writer. */
export const RECORDING_RING = 'recording';
const RING_CAPACITY = 2048;

/** A recording as the thread sees it that started it. */
export class Recording implements Omit<Recorder, 'record'> {
  readonly share: RecordingShare;
  readonly #loops: number;

  constructor(options: RecordingOptions, loops: number) {
    const counters = new Float64Array(new SharedArrayBuffer(8 * (LOOPS + STRIDE * loops)));
    this.share = { options, counters, finished: new Int32Array(new SharedArrayBuffer(4 * loops)) };
    this.#loops = loops;
  }

  /** What it adds to the workers: a helper that writes. */
  get threads(): Pick<WorkersOptions, 'helpers' | 'rings'> {
    const producers = Array.from({ length: this.#loops }, (_, loop) => loop);
    const ring = { producers, consumer: this.#loops, capacity: RING_CAPACITY };
    return { helpers: 1, rings: { [RECORDING_RING]: ring } };
  }

  get recorded(): number {
    return this.share.counters[WRITTEN];
  }

  get dropped(): number {
    const { counters } = this.share;
    let dropped = counters[LEFT_OUT];
    for (let loop = 0; loop < this.#loops; loop++) dropped += counters[LOOPS + STRIDE * loop];
    return dropped;
  }

  get ended(): boolean {
    return this.share.counters[ENDED] !== 0;
  }

  /** `loop` records no more, as it has ended, in whatever way. */
  finished(loop: number): void {
    finishRecording(this.share, loop);
  }
}

/** See `Recording.finished`. */
export function finishRecording({ finished }: RecordingShare, loop: number): void {
  if (loop < finished.length) Atomics.store(finished, loop, 1);
}

/** Gives packets to the writer's ring: those of the batch, or copies of them. */
export class RingRecorder implements Recorder {
  readonly #producer: RingProducer;
  readonly #counters: Float64Array;
  readonly #leftOut: number;
  readonly #copies: PacketBatch | undefined;

  /** `copies`: the packets stay the loop's, which goes on to send them; there are at most `batchSize` in a burst. */
  constructor(
    { counters }: RecordingShare,
    loop: number,
    producer: RingProducer,
    copies?: { readonly batchSize: number },
  ) {
    this.#producer = producer;
    this.#counters = counters;
    this.#leftOut = LOOPS + STRIDE * loop;
    this.#copies = copies && new PacketBatch(copies.batchSize, producer.pool);
  }

  /** Nobody but the writer knows. */
  readonly recorded = 0;

  get dropped(): number {
    return this.#counters[this.#leftOut];
  }

  get ended(): boolean {
    return this.#counters[ENDED] !== 0;
  }

  record(batch: PacketBatch): void {
    const copies = this.#copies;
    if (!copies) {
      this.#producer.transmit(batch);
      this.#counters[this.#leftOut] += batch.length;
      return;
    }
    const { length } = batch;
    this.#producer.transmit(copies); // takes back what the writer is through with
    copies.adopt(this.#producer.pool);
    for (let i = 0; i < length; i++) {
      const copy = copyPacket(batch.pool, batch.packets[i]);
      if (copy !== NO_PACKET) copies.push(copy);
    }
    this.#counters[this.#leftOut] += length - this.#producer.transmit(copies);
    copies.free();
  }
}

/** A copy in fresh buffers of the same pool; `NO_PACKET` if it has too few, or nobody can complete the packet's checksum. */
function copyPacket(pool: PacketPool, packet: number): number {
  if (!closeChecksum(pool, packet)) return NO_PACKET;
  let first = NO_PACKET;
  let last = NO_PACKET;
  for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
    const copy = pool.allocate();
    if (copy === NO_PACKET) {
      if (first !== NO_PACKET) pool.free(first);
      return NO_PACKET;
    }
    const from = pool.offset(segment);
    pool.bytes.copyWithin(pool.offset(copy), from, from + pool.length[segment]);
    pool.length[copy] = pool.length[segment];
    if (first === NO_PACKET) first = copy;
    else pool.chain(last, copy);
    last = copy;
  }
  return first;
}
