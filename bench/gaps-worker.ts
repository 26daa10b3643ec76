/** The polling worker of gaps.ts: a forwarder as any worker's. */
import { PacketBatch, poll, touchPackets, type WorkerContext } from 'ixy.ts';

export default async function forwardWatched({ ports, watch, signal }: WorkerContext): Promise<void> {
  if (!watch) throw new Error('the worker is not watched');
  const [source, sink] = ports;
  const [rx] = source.rx;
  const [tx] = sink.tx;
  const batch = new PacketBatch(64);
  const forward = (): number => {
    const received = rx.receive(batch);
    if (received > 0) touchPackets(batch);
    tx.transmit(batch);
    batch.free();
    return received;
  };
  await poll(forward, { watch, signal });
}
