/**
 * Numbered packets, both ways at once: a generator on each NIC's wire sends to its NIC, and checks what the forwarder has
 * moved over from the other one. Whatever the load is, every packet must have arrived or been counted as dropped.
 */
import { setTimeout } from 'node:timers/promises';
import { grouped, millions } from '../cli/format.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import { ETHERNET_MINIMUM_LENGTH } from '../packets/index.ts';
import type { Report, Stage } from './report.ts';
import { SIDES, TwoPorts } from './two-ports.ts';

interface Load {
  readonly seconds: number;
  /** Packets per second each way; default: as many as the generators can. */
  readonly rate?: number;
  /** Packets per second that the line from a NIC carries; default: as many as it sends. */
  readonly line?: number;
  /** What becomes of packets that a NIC has no room for, on the wire and in the forwarder. */
  readonly whenFull: 'wait' | 'drop';
}

/** What became of the packets of both ways. */
interface Tally {
  readonly sent: number;
  readonly arrived: number;
  /** Counted as dropped, by a NIC, the forwarder or a wire. */
  readonly dropped: number;
  /** Arrived twice, out of order, changed, or never sent. */
  readonly wrong: number;
  /** Arrived per second and way. */
  readonly rate: number;
}

/** Shares of the rate at full speed: what a congested line carries, and what is forwarded without loss, if need be. */
const CONGESTED = 1 / 4;
const EASY = 1 / 4;
const EASIEST = 1 / 64;

/** Without any arrival for so long, what has been forwarded and has not arrived never will. */
const LONGEST_GAP_MILLISECONDS = 1000;
const LOOK_MILLISECONDS = 20;

export async function generatedTraffic(report: Report, quick: boolean): Promise<void> {
  const seconds = quick ? 0.5 : 1;
  const fullSpeed = 'Generated packets of 60 bytes, both ways, as fast as they are taken';
  const { rate } = await report.stage('full-speed', fullSpeed, async (stage) =>
    checkAllArrived(stage, await offer(stage, { seconds: 3 * seconds, whenFull: 'wait' })),
  );
  const line = CONGESTED * rate;
  const overload = `More than the lines carry, which is now ${grouped(Math.round(line))} packets per second each`;
  await report.stage('overload', overload, async (stage) =>
    checkAllAccountedFor(stage, await offer(stage, { seconds, line, whenFull: 'drop' })),
  );
  await belowLimit(report, rate, seconds);
}

/** A busy machine, which pauses programs for long, drops packets at any rate; at a low one they all fit into the rings. */
async function belowLimit(report: Report, limit: number, seconds: number): Promise<void> {
  for (let rate = EASY * limit; ; rate /= 2) {
    const title = `Less: ${grouped(Math.round(rate))} packets per second each way, which do not wait either`;
    const { sent, arrived } = await report.stage('below-limit', title, async (stage) => {
      const tally = await offer(stage, { seconds, rate, whenFull: 'drop' });
      const last = tally.arrived === tally.sent || rate <= EASIEST * limit;
      return last ? checkAllArrived(stage, tally) : checkAllAccountedFor(stage, tally);
    });
    if (arrived === sent || rate <= EASIEST * limit) return;
    report.say('  This machine was busy with something else. Again, slower:');
  }
}

function checkAllArrived(stage: Stage, tally: Tally): Tally {
  const { sent, arrived, rate } = tally;
  const speed = `${millions(SIDES.length * rate)} Mpps in all`;
  stage.check(sent > 0 && arrived === sent, `${grouped(arrived)} of ${grouped(sent)} packets arrived: ${speed}`);
  return checkOrder(stage, tally);
}

function checkAllAccountedFor(stage: Stage, tally: Tally): Tally {
  const { sent, arrived, dropped } = tally;
  const equal = sent > 0 && sent === arrived + dropped;
  const sum = `${grouped(arrived)} arrived + ${grouped(dropped)} counted as dropped`;
  stage.check(equal, `${grouped(sent)} packets sent ${equal ? '=' : '≠'} ${sum}`);
  return checkOrder(stage, tally);
}

function checkOrder(stage: Stage, tally: Tally): Tally {
  const { wrong } = tally;
  stage.check(wrong === 0, `${wrong === 0 ? 'none' : grouped(wrong)} duplicated, out of order or changed`);
  stage.figures = tally;
  return tally;
}

async function offer(stage: Stage, { seconds, rate, line, whenFull }: Load): Promise<Tally> {
  const nic = {
    wire: 'generator',
    start: 'frame',
    duration: `${seconds}s`,
    flow: whenFull === 'wait' ? '1' : '0',
    ...(rate === undefined ? {} : { pace: `${Math.ceil(rate)}pps` }),
    ...(line === undefined ? {} : { rate: `${Math.ceil(line)}pps`, direction: 'sent' }),
  };
  const ports = await TwoPorts.open({ left: nic, right: nic });
  try {
    const forwarding = ports.forward(stage, { whenFull });
    for (const port of [ports.left, ports.right]) sendFrame(port);
    const directions = await forwarding;
    const forwarderDropped = directions.reduce((sum, direction) => sum + direction.dropped, 0);
    return await settled(() => tally([ports.left, ports.right], forwarderDropped, seconds));
  } finally {
    ports.close();
  }
}

/** Something to tell the generators by that the forwarder is there. */
function sendFrame({ rx: [{ pool }], tx: [queue] }: NetDevice): void {
  const batch = new PacketBatch(1);
  const packet = pool.allocate();
  pool.length[packet] = ETHERNET_MINIMUM_LENGTH;
  batch.adopt(pool);
  batch.push(packet);
  queue.transmit(batch);
}

/** Counts again while packets are in a ring or on a line, which a busy machine's slow lines may take seconds to empty. */
async function settled(count: () => Tally): Promise<Tally> {
  let last = count();
  let moved = performance.now();
  while (last.arrived + last.dropped < last.sent && performance.now() - moved < LONGEST_GAP_MILLISECONDS) {
    await setTimeout(LOOK_MILLISECONDS);
    const next = count();
    if (next.arrived + next.dropped > last.arrived + last.dropped) moved = performance.now();
    last = next;
  }
  return last;
}

function tally(ports: readonly NetDevice[], forwarderDropped: number, seconds: number): Tally {
  const counters = ports.map((port) => ({ ...port.counters(), ...port.statistics() }) as Record<string, number>);
  const sum = (...names: string[]): number =>
    counters.reduce((total, counter) => names.reduce((subtotal, name) => subtotal + counter[name], total), 0);
  const arrived = sum('wire.check.unique');
  return {
    sent: sum('wire.received.frames'),
    arrived,
    dropped: forwarderDropped + sum('rxDropped', 'rxErrors', 'txDropped', 'txErrors', 'wire.sent.droppedRefused'),
    wrong: sum('wire.check.duplicated', 'wire.check.reordered', 'wire.check.corrupted', 'wire.check.foreign'),
    rate: arrived / seconds / SIDES.length,
  };
}
