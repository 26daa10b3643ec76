/** Order within each flow, and every byte, through a forwarder on four threads with a queue each. IXY_ORDER_PACKETS sets how much. */
import { expect, onTestFinished, test } from 'vitest';
import { DROPPED, LoopTotals, RECEIVED } from '../../src/apps/index.ts';
import { WorkerLoops } from '../../src/apps/worker-loops.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { addon } from '../../src/native/addon.ts';
import { type OpenOptions, open } from '../../src/ports/index.ts';
import { FlowTraffic } from '../support/flow-traffic.ts';

const PACKETS = Number(process.env.IXY_ORDER_PACKETS ?? 200_000);
const FLOWS = 1000;
const WORKERS = 4;
const BURST = 64;
/** Enough for most bursts to have several of a flow, and for rows to begin in one burst and end in the next. */
const IN_A_ROW = 12;
/** Frames under way at most, and transmit rings and a receive ring at the end that hold more. */
const WINDOW = 2048;
const RING = 4096;
/** Packets a second, at least, on a machine that has other things to do. */
const SLOWEST = 2000;

async function openPort(name: string, options: OpenOptions): Promise<NetDevice> {
  // A full ring has the cable wait, and the cable the sender.
  const port = await open(`emulated:ixgbe?wire=cable:order-${name}&flow=1&strict=1`, { promiscuous: true, ...options });
  onTestFinished(() => port.close());
  return port;
}

test(`${PACKETS} packets of ${FLOWS} flows keep their order through ${WORKERS} workers, and none is lost or changed`, {
  timeout: 30_000 + (PACKETS / SLOWEST) * 1000,
}, async () => {
  const queues = { rxQueues: WORKERS, txQueues: WORKERS, txRingSize: RING };
  const ports = [await openPort('a', queues), await openPort('b', queues)];
  const [source, sink] = [await openPort('a', { txRingSize: RING }), await openPort('b', { rxRingSize: RING })];
  await Promise.all([...ports, source, sink].map((port) => port.waitForLink()));

  const totals = new LoopTotals(WORKERS, 2, 1);
  const usable = addon().getAffinity();
  const loops = await WorkerLoops.start(ports, {
    cores: Array.from({ length: WORKERS }, (_, i) => usable[i % usable.length]),
    program: new URL('../../dist/apps/forward-worker.js', import.meta.url),
    job: {},
    totals,
    counted: RECEIVED,
  });
  const over = new AbortController();
  const ended = loops.run(over.signal);

  const traffic = new FlowTraffic({ rx: sink.rx, tx: source.tx }, FLOWS, { burst: BURST, inARow: IN_A_ROW });
  /** As the pool may run short, it is not a burst each time. */
  const send = (): void => {
    for (let before = -1; traffic.frames > before && traffic.inFlight + BURST <= WINDOW; ) {
      before = traffic.frames;
      traffic.send(0, Math.min(BURST, PACKETS - before));
    }
  };
  let since = performance.now();
  for (let before = -1; traffic.received < PACKETS && performance.now() - since < 20_000; ) {
    if (traffic.received > before) since = performance.now();
    before = traffic.received;
    send();
    traffic.receive();
    await new Promise((resolve) => setImmediate(resolve));
  }
  over.abort();
  expect((await ended).map(({ state }) => state)).toEqual(Array(WORKERS).fill('ended'));

  const { frames, received, disorder, lost, changed, inFlight } = traffic;
  expect({ frames, received, disorder, lost, changed, inFlight }).toEqual({
    frames: PACKETS,
    received: PACKETS,
    disorder: 0,
    lost: 0,
    changed: 0,
    inFlight: 0,
  });
  const shares = totals.byQueue(0, RECEIVED);
  expect(shares.reduce((sum, packets) => sum + packets, 0)).toBe(PACKETS);
  expect(totals.total(0, DROPPED)).toBe(0);
  expect(Math.min(...shares)).toBeGreaterThan(PACKETS / WORKERS / 4);
  for (const port of [...ports, source, sink]) expect(port.counters().violations).toBe(0);
});
