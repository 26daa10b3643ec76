/**
 * How long a loop that sleeps takes to wake up: from the moment that a frame lies in the receive ring until a step has
 * received it. The driver, its interrupt, the eventfd and the loop are real; the NIC is a thread that does nothing else
 * (see bell.ts), so that no emulation is measured.
 */
import { Worker } from 'node:worker_threads';
import type { Histogram } from 'hdr-histogram-js';
import {
  allocatePlainMemory,
  DONE,
  EmulatedPciDevice,
  EventInterrupt,
  openIxgbe,
  PacketBatch,
  type PciInterrupts,
  poll,
  type RxInterrupt,
  type RxQueue,
} from 'ixy.ts';
import { ringBehind } from './rings.ts';
import { newHistogram, type Percentiles, percentiles } from './statistics.ts';

const RING = 512;
/** Frames until everything is compiled. */
const WARM_UP = 50;
const SEED = 82_599;
/** Far longer than frames are apart; a wait that takes so long has failed. */
const WAIT_MILLISECONDS = 1000;

/** Event loop: `poll` in mode 'adaptive'. Blocking: `RxInterrupt.wait`, on a thread that has nothing else to do. */
type WayToWait = 'event loop' | 'blocking';

/** In microseconds. */
export interface WakeUp extends Percentiles {
  readonly waiting: WayToWait;
  readonly frames: number;
}

/** What the thread that stands in for the NIC is told. */
export interface BellOrder {
  readonly frames: number;
  readonly seed: number;
  readonly ring: Int32Array;
  readonly eventfd: number;
  /** Frames received so far; the next one is not sent before. */
  readonly received: Int32Array;
  /** When the last frame was put into the ring, in nanoseconds of `process.hrtime`. */
  readonly deliveredAt: Float64Array;
}

/** Interrupts as VFIO has them, which nothing but the bell fires. */
class Bell implements PciInterrupts {
  readonly kind = 'msix';
  readonly maximum = 64;
  enabled: readonly EventInterrupt[] = [];

  enable(vectors: number): readonly EventInterrupt[] {
    this.enabled = Array.from({ length: vectors }, () => new EventInterrupt());
    return this.enabled;
  }

  disable(): void {
    for (const interrupt of this.enabled) interrupt.close();
    this.enabled = [];
  }
}

/** A NIC whose model never runs. */
class StillDevice extends EmulatedPciDevice {
  override readonly interrupts = new Bell();
}

/** Takes frames from the queue, and notes how late they are. */
class Receiver {
  readonly latency: Histogram = newHistogram();
  readonly #batch = new PacketBatch(64);
  readonly #queue: RxQueue;
  readonly #order: BellOrder;

  constructor(queue: RxQueue, order: BellOrder) {
    this.#queue = queue;
    this.#order = order;
  }

  /** Returns the packets received, or `DONE` after the last. */
  step(): number {
    const packets = this.#queue.receive(this.#batch);
    if (packets === 0) return 0;
    const now = Number(process.hrtime.bigint());
    const { received, deliveredAt, frames } = this.#order;
    if (received[0] >= WARM_UP) this.latency.recordValue(now - deliveredAt[0]);
    this.#batch.free();
    const total = Atomics.add(received, 0, packets) + packets;
    Atomics.notify(received, 0);
    return total === frames ? DONE : packets;
  }
}

/** The loop of a thread that blocks: arm, look once more, wait. */
function receiveBlocking(receiver: Receiver, interrupt: RxInterrupt): void {
  for (let packets = 0; packets !== DONE; ) {
    interrupt.arm();
    packets = receiver.step();
    if (packets !== 0) continue;
    if (!interrupt.wait(WAIT_MILLISECONDS)) throw new Error('no interrupt came');
    packets = receiver.step();
  }
}

/** `frames` frames, at seeded random gaps that let the loop fall asleep. */
export async function measureWakeUp(waiting: WayToWait, frames: number): Promise<WakeUp> {
  const device = new StillDevice({ strict: false });
  const nic = await openIxgbe(device, {
    allocateMemory: allocatePlainMemory,
    rxRingSize: RING,
    linkPollInterval: 0,
    checked: false,
  });
  const [queue] = nic.rx;
  const { interrupt } = queue;
  if (!interrupt) throw new Error('the driver has not enabled interrupts');
  const order: BellOrder = {
    frames: WARM_UP + frames,
    seed: SEED,
    ring: ringBehind(device, 'receive', RING),
    eventfd: device.interrupts.enabled[0].descriptor,
    received: new Int32Array(new SharedArrayBuffer(4)),
    deliveredAt: new Float64Array(new SharedArrayBuffer(8)),
  };
  const receiver = new Receiver(queue, order);
  const bell = new Worker(new URL('./bell.js', import.meta.url), { workerData: order, execArgv: [] });
  try {
    if (waiting === 'blocking') receiveBlocking(receiver, interrupt);
    else await poll(() => receiver.step(), { mode: 'adaptive', interrupts: [interrupt] });
  } finally {
    await bell.terminate();
    nic.close();
  }
  return { waiting, frames: receiver.latency.totalCount, ...percentiles(receiver.latency) };
}
