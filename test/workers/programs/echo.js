/**
 * Sends back what its queues receive, marked with its index. It ends as it is told to: by what arrives, or by its word in
 * `data.orders`, which it looks at with each packet.
 */
import { DONE, PacketBatch, poll } from '../../../dist/worker.js';

/** Where in a frame the mark stands, and what tells the worker to die. */
const MARK = 42;
const ORDER = 43;

export default async function echo({ index, ports, pool, data, signal }) {
  const batch = new PacketBatch(32);
  const { bytes } = pool;
  const orders = data?.orders;
  const step = () => {
    let moved = 0;
    for (const { rx, tx } of ports) {
      for (let i = 0; i < rx.length; i++) {
        moved += rx[i].receive(batch);
        for (let p = 0; p < batch.length; p++) {
          const at = batch.offsets[p];
          bytes[at + MARK] = 0xb0 + index;
          const order = orders === undefined ? bytes[at + ORDER] : Atomics.load(orders, index);
          if (order === 1) throw new Error('it was told to die');
          if (order === 2) process.exit(3);
          if (order === 4) process.exit(0);
          if (order === 3) return DONE;
        }
        tx[i].transmit(batch);
        batch.free();
      }
    }
    return moved;
  };
  await poll(step, { signal });
  if (data?.lastWords) throw new Error(data.lastWords);
}
