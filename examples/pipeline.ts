/** Receives, classifies, works on flows and sends, on a CPU each: node build-js/examples/pipeline.js [IN OUT [PACKETS [CPUS]]] */
import { setTimeout } from 'node:timers/promises';
import { open, runWorkers } from 'ixy.ts';

const [input = 'emulated:ixgbe?wire=generator', output = 'emulated:ixgbe', packets = '1e5', cpus = '0,0,0'] =
  process.argv.slice(2);
const cores = cpus.split(',').map(Number);
const queues = { rxQueues: cores.length, txQueues: cores.length };
// Everything comes to the first thread's queue, with the hash of its flow.
const a = await open(input, { ...queues, promiscuous: true, rss: { queues: [0], hash: true } });
const b = await open(output, queues);
await Promise.all([a.waitForLink(), b.waitForLink()]);

const workers = cores.length - 1;
const rings = Object.fromEntries(
  Array.from({ length: workers }, (_, i) => [`flows of ${i + 1}`, { producers: [0], consumer: i + 1 }]),
);
const module = new URL('pipeline-worker.js', import.meta.url);
const group = await runWorkers([a, b], { cores, rings, data: { workers } }, module);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
group.on('died', ({ worker, error }) => {
  console.error(`worker ${worker}: ${error?.message}`);
  stop.abort();
});

while (!stop.signal.aborted && b.statistics().txPackets < Number(packets)) await setTimeout(10);
await group.stop();
console.log(`${b.statistics().txPackets >= Number(packets) ? 'sent' : 'stopped before'} ${packets} packets`);
a.close();
b.close();
