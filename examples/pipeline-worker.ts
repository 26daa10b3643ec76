/** What the threads of pipeline.ts run: the first one receives and classifies, the others work on their flows and send. */
import { PacketBatch, poll, type WorkerContext } from 'ixy.ts/worker';

type Thread = WorkerContext<{ readonly workers: number }>;

export default async function pipeline(thread: Thread): Promise<void> {
  await poll(thread.index === 0 ? classifier(thread) : worker(thread), { signal: thread.signal });
}

/** All packets of a flow take the same way, so that they stay in order. */
function classifier({ ports: [input], pool, producer, data: { workers } }: Thread): () => number {
  const burst = new PacketBatch(64);
  const ways = Array.from({ length: workers }, (_, i) => {
    return { ring: producer(`flows of ${i + 1}`), batch: new PacketBatch(burst.capacity, pool) };
  });
  return () => {
    for (const { ring, batch } of ways) ring.transmit(batch);
    if (ways.some(({ batch }) => batch.length > 0)) return 0; // it waits for room, and so does what has not been received
    const received = input.rx[0].receive(burst);
    for (let i = 0; i < received; i++) {
      const packet = burst.packets[i];
      ways[pool.rssHash[packet] % workers].batch.push(packet);
    }
    burst.shift(received); // they are in other batches now
    return received;
  };
}

function worker({ index, ports: [, output], consumer }: Thread): () => number {
  const batch = new PacketBatch(64);
  const ring = consumer(`flows of ${index}`);
  return () => {
    const received = batch.length > 0 ? 0 : ring.receive(batch);
    for (let i = 0; i < received; i++) batch.pool.bytes[batch.offset(i) + 11] = index; // last byte of the source MAC
    output.tx[0].transmit(batch); // what finds no room waits
    return received;
  };
}
