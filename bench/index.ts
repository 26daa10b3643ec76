/**
 * npm run bench [-- --quick] [-- --json]: what the driver costs beside C++, what it allocates, what it moves end to end,
 * what it costs and brings to sleep instead of polling, what passes between threads, what a second one brings, and how long
 * polling pauses.
 * Figures of one run compare with each other; from run to run and machine to machine only the ratios do.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type Adaptive, measureAdaptive } from './adaptive.ts';
import { loadBenchAddon } from './addon.ts';
import { type Allocation, measureAllocation } from './allocation.ts';
import { DRIVERS, type DriverCost, measureDriverCost } from './driver-cost.ts';
import { type EndToEnd, measureEndToEnd } from './end-to-end.ts';
import { type Gaps, measureGaps } from './gaps.ts';
import { measurePassing, type Passing } from './passing.ts';
import { measureScaling, type Scaling } from './scaling.ts';
import type { Percentiles } from './statistics.ts';

const PARTS = ['driver-cost', 'allocation', 'end-to-end', 'adaptive', 'rings', 'scaling', 'gaps'] as const;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join() },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

function say(text: string): void {
  if (!options.json) console.log(text);
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function table(head: string[], rows: (string | number)[][]): void {
  const plain = { head: [], border: [] };
  const result = new Table({ head, style: plain, colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')) });
  result.push(...rows);
  say(result.toString());
}

async function driverCost(): Promise<DriverCost[]> {
  const addon = loadBenchAddon();
  const rows: DriverCost[] = [];
  for (const driver of DRIVERS) {
    for (const batch of options.quick ? [1, 32, 256] : [1, 4, 8, 32, 64, 256]) {
      progress(`driver cost, ${driver}, batch ${batch} …`);
      rows.push(await measureDriverCost(addon, driver, batch, options.quick ? 20 : 60));
    }
  }
  progress('');
  say('\nDriver cost: receive, touch a byte, transmit; one thread, rings in memory, 60-byte packets');
  table(
    ['driver, batch', 'ixy.ts ns', 'classic C++ ns', 'native C++ ns', 'classic / ixy.ts', 'native / ixy.ts'],
    rows.map((row) => [
      `${row.driver}, ${row.batch}`,
      ...[row.nsPerPacket, row.classicNs, row.nativeNs, row.ratio, row.ofNative].map((value) => value.toFixed(2)),
    ]),
  );
  return rows;
}

async function allocation(): Promise<Allocation[]> {
  progress('allocation …');
  const results = await measureAllocation(options.quick ? 2_000_000 : 10_000_000);
  progress('');
  say('\nAllocation: collections of the young generation, and bytes of garbage, while packets are forwarded');
  table(
    ['driver', 'million packets', 'collections', 'bytes per packet'],
    results.map(({ driver, packets, scavenges, bytesPerPacket }) => {
      return [driver, packets / 1e6, scavenges, bytesPerPacket.toFixed(3)];
    }),
  );
  return results;
}

async function endToEnd(): Promise<EndToEnd[]> {
  progress('end to end …');
  const rows = await measureEndToEnd(options.quick ? 2 : 5);
  progress('');
  say('\nEnd to end: generator → emulated NIC on its own thread → driver → forward → emulated NIC');
  table(
    ['', 'Mpps', 'Mpps per core'],
    rows.map(({ name, mpps, mppsPerCore }) => [name, mpps.toFixed(2), mppsPerCore.toFixed(2)]),
  );
  return rows;
}

const QUICK = { rounds: 3, idleMilliseconds: 150, frames: 150, timerMilliseconds: 200, interruptions: 1 };
const THOROUGH = { rounds: 25, idleMilliseconds: 2000, frames: 2000, timerMilliseconds: 5000, interruptions: 5 };

async function adaptive(): Promise<Adaptive> {
  progress('adaptive …');
  const result = await measureAdaptive(options.quick ? QUICK : THOROUGH);
  progress('');
  say('\nPoll modes: forwarding under full load; CPU time of the polling thread when nothing arrives');
  table(
    ['mode', 'Mpps', 'of busy', 'idle CPU'],
    result.throughput.map(({ mode, mpps, ofBusy }, i) => {
      return [mode, mpps.toFixed(2), ofBusy.toFixed(3), `${result.idle[i].percent.toFixed(2)} %`];
    }),
  );
  const whole = ({ p50, p99, p999, max }: Percentiles) => [p50, p99, p999, max].map((value) => value.toFixed(0));
  say(
    '\nDelays: from a frame in the ring to the step that receives it; of 1 ms timers while a loop polls at full load',
  );
  table(
    ['microseconds', 'p50', 'p99', 'p99.9', 'max'],
    [
      ...result.wakeUp.map((row) => [`wake-up, ${row.waiting}`, ...whole(row)]),
      ['timers, busy polling', ...whole(result.timers.late)],
      ['  without waits for a CPU', ...whole(result.timers.lateByLoop)],
    ],
  );
  const { median, max } = result.interruption;
  say(`From SIGINT to the end of ixy forward at full load: ${median.toFixed(0)} ms, at most ${max.toFixed(0)} ms`);
  return result;
}

async function rings(): Promise<Passing> {
  progress('rings …');
  const result = options.quick ? await measurePassing(5_000_000, 3) : await measurePassing(20_000_000, 9);
  progress('');
  say(
    `\nRings: packets from a pool, through a ring to another thread, and back to a pool; CPUs ${result.cpus.join(', ')}`,
  );
  table(
    ['burst', 'million packets a second'],
    result.rings.map(({ burst, millionPerSecond }) => [burst, millionPerSecond.toFixed(1)]),
  );
  say(`A cache line to the other CPU and back: ${result.roundTripNs.toFixed(0)} ns`);
  return result;
}

async function scaling(): Promise<Scaling[]> {
  progress('scaling …');
  const results = await measureScaling(32, options.quick ? 9 : 101);
  progress('');
  say('\nScaling: the loop of driver cost in bursts of 32, in one worker and in two, each with a queue');
  table(
    ['driver', 'one worker, Mpps', 'two workers, Mpps', 'speedup'],
    results.map(({ driver, mppsAlone, mpps, speedup }) => {
      return [driver, mppsAlone.toFixed(1), mpps.toFixed(1), speedup.toFixed(2)];
    }),
  );
  return results;
}

async function gaps(): Promise<Gaps[]> {
  const seconds = options.quick ? 5 : 60;
  progress(`gaps, twice ${seconds} s …`);
  const rows = await measureGaps(seconds);
  progress('');
  say(`\nGaps between polls of a worker that forwards between emulated NICs, ${seconds} s each; microseconds`);
  table(
    ['beside', 'Mpps', 'p50', 'p99', 'p99.9', 'p99.99', 'max', 'because of', 'without a CPU, ms', 'collections'],
    rows.map(({ beside, mpps, gaps: { p50, p99, p999, p9999, max }, longest, offCpu, collections }) => [
      beside,
      mpps.toFixed(2),
      ...[p50, p99, p999, p9999, max].map((nanoseconds) => (nanoseconds / 1000).toFixed(1)),
      longest?.cause ?? '',
      offCpu.toFixed(0),
      collections,
    ]),
  );
  return rows;
}

if (options.help) {
  console.log(`usage: npm run bench [-- --quick] [--json] [--only ${PARTS.join()}]`);
} else {
  const parts = options.only.split(',');
  const unknown = parts.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`unknown part '${unknown}'; there are ${PARTS.join(', ')}`);
  say(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} CPUs`);
  const report = {
    ...(parts.includes('driver-cost') ? { driverCost: await driverCost() } : {}),
    ...(parts.includes('allocation') ? { allocation: await allocation() } : {}),
    ...(parts.includes('end-to-end') ? { endToEnd: await endToEnd() } : {}),
    ...(parts.includes('adaptive') ? { adaptive: await adaptive() } : {}),
    ...(parts.includes('rings') ? { rings: await rings() } : {}),
    ...(parts.includes('scaling') ? { scaling: await scaling() } : {}),
    ...(parts.includes('gaps') ? { gaps: await gaps() } : {}),
  };
  if (options.json) console.log(JSON.stringify({ node: process.version, ...report }));
}
