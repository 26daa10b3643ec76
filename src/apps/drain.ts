/** Waits for what has been queued to leave: `transmit` says that packets are in the ring, not that they are sent. */
import { PacketBatch } from '../memory/packet-batch.ts';
import type { LoopPort } from './loop-port.ts';
import { poll } from './poll.ts';

/** A ring that has not moved for so long, as its link is down, is left. */
const LONGEST_STANDSTILL = 100;

/**
 * A device that counts what it has sent says most exactly what has left. Others count what they were given, which their
 * queues still hold; so both have to be through. A worker's share of a port has its queues alone.
 */
export class TransmitDrain {
  readonly #device: LoopPort;
  readonly #before: number;
  readonly #now: () => number;

  /** `now`: milliseconds from any start. */
  constructor(device: LoopPort, now = () => performance.now()) {
    this.#device = device;
    this.#now = now;
    this.#before = settled(device);
  }

  /**
   * Waits until `queued` packets have left `device`, in whatever way, since this object was made. That takes as long as
   * the line does, but ends once nothing has left for 100 ms.
   */
  async wait(queued: number): Promise<void> {
    const nothing = new PacketBatch(1);
    const step = (): number => {
      for (const queue of this.#device.tx) queue.transmit(nothing); // a NIC that the loop steps works only when called
      return 0;
    };
    let least = Number.POSITIVE_INFINITY;
    let deadline = 0;
    const until = (): boolean => {
      const left = this.#left(queued);
      const now = this.#now();
      if (left < least) deadline = now + LONGEST_STANDSTILL;
      least = Math.min(least, left);
      return left <= 0 || now >= deadline;
    };
    if (!until()) await poll(step, { until });
  }

  /** Packets, at most, that are still to leave; 0 or less if there are none. */
  #left(queued: number): number {
    const uncounted = this.#device.statistics ? queued - (settled(this.#device) - this.#before) : 0;
    const pending = this.#device.tx.reduce((sum, queue) => sum + queue.pending(), 0);
    return Math.max(uncounted, pending);
  }
}

function settled(device: LoopPort): number {
  const { txPackets = 0, txDropped = 0, txErrors = 0 } = device.statistics?.() ?? {};
  return txPackets + txDropped + txErrors;
}
