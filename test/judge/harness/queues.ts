/** Which of the driver's queues frames go to, by its own counters. */
import { type Bench, carrier, driverCounters, INTERFACE, until } from './bench.ts';

const QUEUES = [0, 1];
const TOTAL = `$(ethtool -S ${INTERFACE} | awk '/rx_queue_._packets/ { sum += $2 } END { print sum }')`;

/** Packets that each queue has received. */
export async function received(bench: Bench): Promise<number[]> {
  const counters = await driverCounters(bench);
  return QUEUES.map((queue) => counters[`rx_queue_${queue}_packets`]);
}

/** Sends frames to the guest, waits until its driver has them, and tells how many each queue got. */
export async function arrive(bench: Bench, flows: readonly { readonly frame: Uint8Array }[]): Promise<number[]> {
  const before = await received(bench);
  const total = before.reduce((sum, packets) => sum + packets, flows.length);
  bench.nic().wire.inject(...flows.map(({ frame }) => frame));
  await bench.guest().output(until(`[ "${TOTAL}" -ge ${total} ]`));
  const after = await received(bench);
  return after.map((packets, queue) => packets - before[queue]);
}

/**
 * While `body` runs, the driver uses Flow Director for filters that it is told, and not to have flows follow the processors
 * that answer them: without such a filter, the hash alone chooses. The driver begins anew for either.
 */
export async function withPerfectFilters({ guest }: Bench, body: () => Promise<void>): Promise<void> {
  const set = (state: string): Promise<string> =>
    guest().output(`ethtool -K ${INTERFACE} ntuple ${state} && ${until(carrier(true))}`);
  await set('on');
  await body();
  await set('off');
}
