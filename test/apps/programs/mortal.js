/** A forwarder's loop, of which the first one dies once it has received 100 packets. */
import forwardOnCore from '../../../dist/apps/forward-worker.js';

const MOST = 100;

export default async function mortal(worker) {
  const forwarding = forwardOnCore(worker);
  if (worker.index > 0) return await forwarding;
  const [received] = worker.data.counters;
  const death = new Promise((_, reject) => {
    const look = () => {
      if (received[0] < MOST) setImmediate(look);
      else reject(new Error('it has seen enough'));
    };
    look();
  });
  await Promise.race([forwarding, death]);
}
