/** Two workers receive, and hand what they got to a third, which hands it to the main thread. */
import { PacketBatch, poll } from '../../../dist/worker.js';

export default async function pipeline({ index, ports, signal, producer, consumer }) {
  const batch = new PacketBatch(32);
  const last = index === 2;
  const sources = last ? [consumer('work'), ports[0].rx[0]] : [ports[0].rx[0]];
  const target = producer(last ? 'done' : 'work');
  const step = () => {
    let moved = 0;
    for (const source of sources) {
      moved += source.receive(batch);
      target.transmit(batch);
      batch.free();
    }
    return moved;
  };
  await poll(step, { signal });
}
