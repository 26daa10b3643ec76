/**
 * What the drivers allocate: collections, and bytes of garbage per packet, while packets are forwarded between two
 * emulated NICs, as V8 counts them. Driver, models and loop share the thread, so the figure is for all of them.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  allocatePlainMemory,
  CableRegistry,
  createWire,
  EmulatedPciDevice,
  type NetDevice,
  openIxgbe,
  openVirtio,
  PacketBatch,
  Simulation,
  type WireEnd,
} from 'ixy.ts';

const BATCH = 32;
/** Until everything is compiled, which allocates. */
const WARM_UP = 2_000_000;

/** Collections are told of some turns of the event loop later. */
const REPORT_MILLISECONDS = 50;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

export interface Allocation {
  readonly driver: string;
  readonly packets: number;
  /** Collections of the young generation; a driver that allocates causes them by the thousand. */
  readonly scavenges: number;
  readonly bytesPerPacket: number;
}

/** An open NIC on a model that is stepped by `simulation`. */
type OpenNic = (address: string, simulation: Simulation, wire: WireEnd) => Promise<NetDevice>;

const OPTIONS = { allocateMemory: allocatePlainMemory, linkPollInterval: 0, checked: false } as const;

function openVirtioNic(ring: 'split' | 'packed'): OpenNic {
  return (address, simulation, wire) => {
    const device = new EmulatedPciDevice({ model: 'virtio', address, strict: false, simulation, wire });
    return openVirtio(device, { ...OPTIONS, ring, interrupts: false });
  };
}

const DRIVERS: Readonly<Record<string, OpenNic>> = {
  ixgbe: (address, simulation, wire) => {
    const device = new EmulatedPciDevice({ address, strict: false, simulation, wire });
    return openIxgbe(device, OPTIONS);
  },
  'virtio-split': openVirtioNic('split'),
  'virtio-packed': openVirtioNic('packed'),
};

/** Forwards from `source` to `sink` until `packets` have passed. */
function forward(simulation: Simulation, source: NetDevice, sink: NetDevice, batch: PacketBatch, packets: number) {
  for (let done = 0; done < packets; ) {
    simulation.step(BATCH);
    const received = source.rx[0].receive(batch);
    for (let i = 0; i < received; i++) batch.pool.bytes[batch.offsets[i] + 6]++;
    done += sink.tx[0].transmit(batch);
    batch.free();
  }
}

/** Forwards `packets` with each driver and counts. */
export async function measureAllocation(packets: number): Promise<Allocation[]> {
  const results: Allocation[] = [];
  for (const [driver, open] of Object.entries(DRIVERS)) results.push(await measureDriver(driver, open, packets));
  return results;
}

async function measureDriver(driver: string, open: OpenNic, packets: number): Promise<Allocation> {
  const simulation = new Simulation();
  const cables = new CableRegistry();
  const openNic = (kind: 'generator' | 'null') =>
    open(`emulated:${kind}`, simulation, createWire({ kind, check: false, flowControl: true }, cables));
  const source = await openNic('generator');
  const sink = await openNic('null');
  await Promise.all([source.waitForLink(), sink.waitForLink()]);
  const batch = new PacketBatch(BATCH);
  forward(simulation, source, sink, batch, WARM_UP);

  const collections: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) collections.push(startTime);
  });
  observer.observe({ entryTypes: ['gc'] });
  collect(); // or a collection that opening the NICs has begun would end in the middle of the run
  const before = getHeapStatistics().used_heap_size;
  const begin = performance.now();
  forward(simulation, source, sink, batch, packets);
  const end = performance.now();
  const bytes = getHeapStatistics().used_heap_size - before;
  await setTimeout(REPORT_MILLISECONDS);
  observer.disconnect();
  const scavenges = collections.filter((time) => time >= begin && time <= end).length;
  source.close();
  sink.close();
  return { driver, packets, scavenges, bytesPerPacket: Math.max(0, bytes) / packets };
}
