/** Sends back what its queues receive, marked with its index; ends as it is told to by what arrives, or by `data`. */
import { DONE, PacketBatch, poll } from '../../../dist/index.js';

/** Where in a frame the mark stands, and what tells the worker to die. */
const MARK = 42;
const ORDER = 43;

export default async function echo({ index, ports, pool, data, signal }) {
  const batch = new PacketBatch(32);
  const { bytes } = pool;
  const step = () => {
    let moved = 0;
    for (const { rx, tx } of ports) {
      for (let i = 0; i < rx.length; i++) {
        moved += rx[i].receive(batch);
        for (let p = 0; p < batch.length; p++) {
          const at = batch.offsets[p];
          bytes[at + MARK] = 0xb0 + index;
          if (bytes[at + ORDER] === 1) throw new Error('it was told to die');
          if (bytes[at + ORDER] === 2) process.exit(3);
          if (bytes[at + ORDER] === 4) process.exit(0);
          if (bytes[at + ORDER] === 3) return DONE;
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
