/**
 * What passes from end to end: a generator on the wire of an emulated NIC, which works on a thread of its own, the driver
 * and the forwarding loop on this thread, and a second emulated NIC that sends.
 */
import { type NetDevice, open, PacketBatch } from 'ixy.ts';

const BATCH = 64;

export interface EndToEnd {
  readonly name: string;
  /** Million packets per second that left the second NIC. */
  readonly mpps: number;
  /** The same per core in use: two, this thread's and the NICs'. */
  readonly mppsPerCore: number;
}

/** Forwards until `milliseconds` have passed; returns packets. */
function forwardFor(milliseconds: number, source: NetDevice, sink: NetDevice, batch: PacketBatch): number {
  const end = performance.now() + milliseconds;
  let packets = 0;
  while (performance.now() < end) {
    for (let burst = 0; burst < 100; burst++) {
      const received = source.rx[0].receive(batch);
      for (let i = 0; i < received; i++) batch.pool.bytes[batch.offsets[i] + 6]++;
      packets += sink.tx[0].transmit(batch);
      batch.free();
    }
  }
  return packets;
}

/** Runs for `seconds` after a warm-up. */
export async function measureEndToEnd(seconds: number): Promise<EndToEnd[]> {
  const source = await open('emulated:ixgbe?wire=generator&check=0');
  const sink = await open('emulated:ixgbe?wire=null');
  try {
    await Promise.all([source.waitForLink(), sink.waitForLink()]);
    const batch = new PacketBatch(BATCH);
    forwardFor(500, source, sink, batch);
    const before = sink.statistics().txPackets;
    const start = performance.now();
    forwardFor(seconds * 1000, source, sink, batch);
    const mpps = (sink.statistics().txPackets - before) / (performance.now() - start) / 1000;
    return [{ name: 'forward', mpps, mppsPerCore: mpps / 2 }];
  } finally {
    source.close();
    sink.close();
  }
}
