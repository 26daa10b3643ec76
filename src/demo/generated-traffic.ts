/**
 * Numbered packets, both ways at once: a generator on each NIC's wire sends to its NIC, and checks what the forwarder has
 * moved over from the other one. Whatever the load is, every packet must have arrived or been counted as dropped.
 */
import type { ForwarderOptions } from '../apps/index.ts';
import { grouped, millions } from '../cli/format.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import { ETHERNET_MINIMUM_LENGTH } from '../packets/index.ts';
import type { Report, Stage } from './report.ts';
import { SIDES, TwoPorts } from './two-ports.ts';

interface Load {
  readonly seconds: number;
  /** Packets per second each way; default: as many as the NICs take. */
  readonly rate?: number;
  /** What the forwarder does with packets that the other NIC has no room for; default: wait. */
  readonly whenFull?: ForwarderOptions['whenFull'];
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

/** Packets offered, as multiples of what can be forwarded: too many; some; and where even that is lost, no less than this. */
const OVERLOAD = 2;
const EASY = 1 / 4;
const EASIEST = 1 / 64;

export async function generatedTraffic(report: Report, quick: boolean): Promise<void> {
  const seconds = quick ? 0.5 : 1;
  const fullSpeed = 'Generated packets of 60 bytes, both ways, as fast as they are taken';
  const { rate: limit } = await report.stage('full-speed', fullSpeed, async (stage) =>
    checkAllArrived(stage, await offer(stage, { seconds: quick ? 1 : 3 })),
  );
  const overload = OVERLOAD * limit;
  await report.stage('overload', `More than that: ${perSecond(overload)}, which do not wait`, async (stage) =>
    checkAllAccountedFor(stage, await offer(stage, { seconds, rate: overload, whenFull: 'drop' })),
  );
  await belowLimit(report, limit, seconds);
}

/** A machine that is busy with other things loses packets at any rate; at a lower one its pauses fit into the rings. */
async function belowLimit(report: Report, limit: number, seconds: number): Promise<void> {
  for (let rate = EASY * limit; ; rate /= 2) {
    const { sent, arrived } = await report.stage('below-limit', `Less: ${perSecond(rate)}`, async (stage) => {
      const tally = await offer(stage, { seconds, rate });
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
  stage.check(arrived === sent, `${grouped(arrived)} of ${grouped(sent)} packets arrived: ${speed}`);
  return checkOrder(stage, tally);
}

function checkAllAccountedFor(stage: Stage, tally: Tally): Tally {
  const { sent, arrived, dropped } = tally;
  const equal = sent === arrived + dropped;
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

async function offer(stage: Stage, { seconds, rate, whenFull = 'wait' }: Load): Promise<Tally> {
  const generator = { wire: 'generator', duration: `${seconds}s`, start: 'frame' };
  // Paced generators do not wait for descriptors: that is what makes an overload one.
  const nic = rate === undefined ? generator : { ...generator, pace: `${Math.max(1, Math.round(rate))}pps` };
  const ports = await TwoPorts.open({ left: nic, right: nic });
  try {
    const forwarding = ports.forward(stage, { whenFull });
    for (const port of [ports.left, ports.right]) sendFrame(port);
    const directions = await forwarding;
    const forwarderDropped = directions.reduce((sum, direction) => sum + direction.dropped, 0);
    return tally([ports.left, ports.right], forwarderDropped, seconds);
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

function perSecond(packets: number): string {
  return `${grouped(Math.round(packets))} packets per second each way`;
}
