/** The polling worker of gaps.ts: a loop of its own, which seldom returns to the event loop, as that allocates. */
import { setImmediate } from 'node:timers/promises';
import { PacketBatch, touchPackets, type WorkerContext } from 'ixy.ts';

/** Some tenths of a second; then collections are reported, if there were any. */
const POLLS_PER_TURN = 2_000_000;

export default async function forwardWatched(worker: WorkerContext): Promise<void> {
  const { watch, signal } = worker;
  if (!watch) throw new Error('the worker is not watched');
  const [source, sink] = worker.ports;
  const [rx] = source.rx;
  const [tx] = sink.tx;
  const batch = new PacketBatch(64);
  const poll = watch.around(() => {
    const received = rx.receive(batch);
    if (received > 0) touchPackets(batch);
    tx.transmit(batch);
    batch.free();
    return received;
  });
  while (!signal.aborted) {
    for (let polls = 0; polls < POLLS_PER_TURN && !worker.stopping; polls++) poll();
    await setImmediate();
    watch.turned();
  }
}
