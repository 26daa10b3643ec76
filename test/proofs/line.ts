/**
 * Numbered packets from the generator through a cable to the forwarder and on to a checker: three NICs, stepped, so that
 * every run is the same.
 */
import { onTestFinished } from 'vitest';
import { Forwarder, Generator } from '../../src/apps/index.ts';
import type { LoopPort } from '../../src/apps/loop-port.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { Cable, CallbackWire, Simulation, type WireEnd, wireStatistics } from '../../src/emulation/index.ts';
import { type Impairments, impair } from '../../src/emulation/wires/impairments.ts';
import { PacketTemplate, SequenceChecker } from '../../src/packets/index.ts';

const template = (size: number): PacketTemplate =>
  new PacketTemplate({
    size,
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { sourcePort: 42, destinationPort: 1337 },
  });

/** Whether the two Ethernet addresses, which no checksum covers, are the template's. */
function addressesIntact(bytes: Uint8Array, offset: number, addresses: Uint8Array): boolean {
  for (let i = 0; i < 12; i++) if (bytes[offset + i] !== addresses[i]) return false;
  return true;
}

/** A NIC with this wire, in this simulation. */
export type OpenNic<Nic extends NetDevice> = (wire: WireEnd, simulation: Simulation) => Promise<Nic>;

export interface Line<Nic extends NetDevice> {
  readonly simulation: Simulation;
  readonly generator: Generator;
  readonly forwarder: Forwarder;
  /** Of the NIC that receives from the cable, and the one that sends to the checker. */
  readonly middle: Nic;
  readonly last: Nic;
  readonly checker: SequenceChecker;
  /** Packets that arrived whole but for their Ethernet addresses. */
  readonly readdressed: () => number;
  readonly statistics: () => ReturnType<typeof wireStatistics>;
}

/** generator → first NIC → cable → middle NIC → forwarder → last NIC → bad line, or a good one → checker */
export async function buildLine<Nic extends NetDevice>(
  open: OpenNic<Nic>,
  count: number,
  { size = 60, ...impairments }: Impairments & { readonly size?: number } = {},
): Promise<Line<Nic>> {
  const simulation = new Simulation();
  const cable = new Cable();
  const packet = template(size);
  const checker = new SequenceChecker({ template: packet });
  let readdressed = 0;
  const end = new CallbackWire({
    onFrame: (bytes, offset, length) => {
      const before = checker.unique + checker.duplicated;
      checker.check(bytes, offset, length);
      if (checker.unique + checker.duplicated > before && !addressesIntact(bytes, offset, packet.bytes)) readdressed++;
      return true;
    },
  });
  const [first, middle, last] = [
    await open(cable.ends[0], simulation),
    await open(cable.ends[1], simulation),
    await open(impair(end, impairments), simulation),
  ];
  onTestFinished(() => {
    for (const nic of [first, middle, last]) nic.close();
  });
  await Promise.all([first, middle, last].map((nic) => nic.waitForLink()));
  return {
    simulation,
    generator: new Generator(oneQueue(first), { template: packet, count }),
    forwarder: new Forwarder(middle, last),
    middle,
    last,
    checker,
    readdressed: () => readdressed,
    statistics: () => wireStatistics(end.counters),
  };
}

/** Packets that go to several queues may overtake each other. */
function oneQueue({ name, mac, mtu, rx, tx }: NetDevice): LoopPort {
  return { name, mac, mtu, rx, tx: tx.slice(0, 1) };
}

/** Runs until everything is sent and has arrived; the forwarder works in every `nth` round only. */
export function run({ simulation, generator, forwarder }: Line<NetDevice>, nth = 1): void {
  const [there] = forwarder.directions;
  for (let round = 1, idle = 0; idle < 50; round++) {
    const sent = Math.max(0, generator.step());
    const moved = simulation.step(64);
    if (round % nth === 0) forwarder.step();
    idle = sent + moved + there.waiting > 0 ? 0 : idle + 1;
  }
  simulation.advance(10); // what a line holds back arrives
}

export const checked = ({ unique, reordered, duplicated, stale, corrupted, foreign }: SequenceChecker) => ({
  unique,
  reordered,
  duplicated,
  stale,
  corrupted,
  foreign,
});
export const NOTHING_BAD = { reordered: 0, duplicated: 0, stale: 0, corrupted: 0, foreign: 0 };
