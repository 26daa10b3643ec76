/** Waits for what has been queued to leave: `transmit` says that packets are in the ring, not that they are sent. */
import type { DeviceStatistics, NetDevice } from '../drivers/net-device.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import { poll } from './poll.ts';

/** A full ring of 4096 large packets takes 5 ms at 10 Gbit/s; one that does not move, as its link is down, is left. */
const LONGEST_DRAIN = 100;

export class TransmitDrain {
  readonly #device: NetDevice;
  readonly #before: number;

  constructor(device: NetDevice) {
    this.#device = device;
    this.#before = settled(device.statistics());
  }

  /** Waits until `queued` packets have left `device`, in whatever way, since this object was made; at most 100 ms. */
  async wait(queued: number): Promise<void> {
    const deadline = performance.now() + LONGEST_DRAIN;
    const nothing = new PacketBatch(1);
    const step = (): number => {
      for (const queue of this.#device.tx) queue.transmit(nothing); // a NIC that the loop steps works only when called
      return 0;
    };
    const until = () => settled(this.#device.statistics()) - this.#before >= queued || performance.now() >= deadline;
    if (!until()) await poll(step, { until });
  }
}

function settled({ txPackets, txDropped, txErrors }: DeviceStatistics): number {
  return txPackets + txDropped + txErrors;
}
