/** Flow Director: filters that a person makes, and those by which a connection follows the processor that it belongs to. */
import { describe, expect, it } from 'vitest';
import { type Bench, type Check, change, driverCounters, INTERFACE } from '../harness/bench.ts';
import { type Flow, flow, flowKinds } from '../harness/flows.ts';
import { FAR } from '../harness/judged-nic.ts';
import { arrive, received, withPerfectFilters } from '../harness/queues.ts';

const QUEUES = [0, 1];
const FRAMES = 12;
const PORT = 5002;
const TRANSFER = 300_000;

export function testFlowDirector(bench: Bench): void {
  describe('Flow Director', () => {
    it('sends the flows of a filter to its queue', () => steersByFilter(bench));
    it('drops the flows of a filter', () => dropsByFilter(bench));
    it('has connections follow their processor', () => followsProcessors(bench));
  });
}

export const steersByFilter: Check = (bench) =>
  withPerfectFilters(bench, async () => {
    const frames = twoFlows();
    const usual = await whereTo(bench, frames);
    const other = usual.map((queue, i) => (i === 0 ? 1 - queue : queue));
    const remove = await addFilter(bench, `dst-port ${destinationPort(frames[0])} action ${other[0]}`);
    expect(await whereTo(bench, frames)).toEqual(other);
    await remove();
    expect(await whereTo(bench, frames)).toEqual(usual);
  });

export const dropsByFilter: Check = (bench) =>
  withPerfectFilters(bench, async () => {
    const [dropped, other] = twoFlows();
    const remove = await addFilter(bench, `dst-port ${destinationPort(dropped)} action -1`);
    const before = (await driverCounters(bench)).fdir_match;
    bench.nic().wire.inject(...Array.from({ length: FRAMES }, () => dropped.frame));
    // What comes behind them is there, so that they would be.
    expect((await arrive(bench, [other])).reduce((sum, packets) => sum + packets)).toBe(1);
    expect((await driverCounters(bench)).fdir_match - before).toBe(FRAMES);
    await remove();
  });

const followsProcessors: Check = async (bench) => {
  const { guest, nic } = bench;
  const restore = await pinVectors(bench);
  // A vector moves to its new processor when it next fires.
  const flows = Array.from({ length: 8 }, (_, i) => flow(flowKinds('addresses')[0], i));
  await arrive(bench, flows);
  await arrive(bench, flows);
  for (const processor of QUEUES) {
    const server = nic().far.host.startScript(`
      import { createServer } from 'node:net';
      const server = createServer((socket) => { socket.end(Buffer.alloc(${TRANSFER})); server.close(); });
      server.listen(${PORT}, () => console.log('listening'));`);
    await server.printed('listening');
    const [before, matched] = [await received(bench), (await driverCounters(bench)).fdir_match];
    nic().wire.forget();
    const client = `exec 3<>/dev/tcp/${FAR.ip}/${PORT} && wc -c <&3`;
    expect(await guest().output(`taskset -c ${processor} bash -c '${client}'`)).toBe(String(TRANSFER));
    await server.ended;
    const frames = nic().wire.taken.length;
    const after = await received(bench);
    const counted = QUEUES.map((queue) => after[queue] - before[queue]);
    expect(counted).toEqual(QUEUES.map((queue) => (queue === processor ? frames : 0)));
    expect((await driverCounters(bench)).fdir_match - matched).toBe(frames);
  }
  await restore();
};

/** Has each queue's vector fire at the processor of its number; resolves to what undoes it. */
async function pinVectors({ guest }: Bench): Promise<() => Promise<string>> {
  const affinity = (queue: number): string =>
    `/proc/irq/$(awk '/ ${INTERFACE}-TxRx-${queue}$/ { print $1 + 0 }' /proc/interrupts)/smp_affinity`;
  const write = (masks: readonly string[]): Promise<string> =>
    guest().output(QUEUES.map((queue) => `echo ${masks[queue]} >${affinity(queue)}`).join(' && '));
  const former = (await guest().output(QUEUES.map((queue) => `cat ${affinity(queue)}`).join(' && '))).split('\n');
  await write(['1', '2']);
  return () => write(former);
}

/** Two flows, to different ports. */
function twoFlows(): readonly [Flow, Flow] {
  const kinds = flowKinds('addresses').filter(({ name }) => name === 'UDP/IPv4');
  return [flow(kinds[0], 1), flow(kinds[0], 2)];
}

/** The queue that the frames of each flow go to, all of them. */
async function whereTo(bench: Bench, flows: readonly Flow[]): Promise<number[]> {
  const queues = [];
  for (const each of flows) {
    const packets = await arrive(
      bench,
      Array.from({ length: FRAMES }, () => each),
    );
    expect([...packets].sort((a, b) => a - b)).toEqual([0, FRAMES]);
    queues.push(packets.indexOf(FRAMES));
  }
  return queues;
}

/** Adds a filter for UDP over IPv4; resolves to what removes it. */
async function addFilter(bench: Bench, filter: string): Promise<() => Promise<string>> {
  const report = await change(bench, `ethtool -U ${INTERFACE} flow-type udp4 ${filter}`);
  const id = /Added rule with ID (\d+)/.exec(report)?.[1];
  return () => change(bench, `ethtool -U ${INTERFACE} delete ${id}`);
}

function destinationPort({ frame }: Flow): number {
  return (frame[36] << 8) | frame[37];
}
