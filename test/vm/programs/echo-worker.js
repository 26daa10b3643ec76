/** A worker that sends back what its queue receives, with its index at the end of the source address; dies when told to. */
// Not all of the package: each thread loads its modules anew.
import { poll } from '../../../dist/apps/poll.js';
import { bestPollMode, pollOptions } from '../../../dist/apps/poll-mode.js';
import { PacketBatch } from '../../../dist/memory/packet-batch.js';

/** Where a frame has the last byte of its source address. */
const MARK = 11;

/** `data.victim`: index of the worker that shall die with packets in its hands. `data.sleeps`: by index, whether its loop does. */
export default async function echo({ index, ports, pool, data: { victim, sleeps }, signal }) {
  const [
    {
      rx: [rx],
      tx: [tx],
    },
  ] = ports;
  const batch = new PacketBatch(64);
  const step = () => {
    if (batch.length === 0 && rx.receive(batch) > 0) {
      if (Atomics.load(victim, 0) === index) throw new Error('it was told to die');
      for (let i = 0; i < batch.length; i++) pool.bytes[batch.offset(i) + MARK] = index;
    }
    const moved = batch.length;
    tx.transmit(batch);
    return moved;
  };
  const mode = bestPollMode(ports);
  sleeps[index] = mode === 'adaptive' ? 1 : 0;
  await poll(step, { signal, ...pollOptions(ports, mode) });
}
