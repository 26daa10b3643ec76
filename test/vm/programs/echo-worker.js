/** A worker that sends back what its queue receives, with its index at the end of the source address; dies when told to. */
import { bestPollMode, PacketBatch, poll, pollOptions } from '../../../dist/worker.js';

/** Where a frame has the last byte of its source address. */
const MARK = 11;

/** `data.victim`: index of the worker that shall die with packets in its hands. `data.wakes`: interrupts that woke loops, by index. */
export default async function echo({ index, ports, pool, data: { victim, wakes }, signal }) {
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
  const { mode, interrupts = [] } = pollOptions(ports, bestPollMode(ports));
  const counted = interrupts.map((interrupt) => counting(interrupt, () => Atomics.add(wakes, index, 1)));
  await poll(step, { signal, mode, interrupts: counted });
}

/** The interrupt; `count` is called each time that it comes. */
function counting(interrupt, count) {
  const handle = (handler) => {
    if (!handler) return interrupt.handle(undefined);
    interrupt.handle(() => {
      count();
      handler();
    });
  };
  const [arm, disarm] = [() => interrupt.arm(), () => interrupt.disarm()];
  return { arm, disarm, handle, keepAlive: (enabled) => interrupt.keepAlive(enabled) };
}
