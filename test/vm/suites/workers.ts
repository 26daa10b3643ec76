/**
 * Queues of a NIC lent to threads of a process: each worker reaches the device and its packets by mappings of its own, and what it
 * had comes back when it dies.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SEQUENCE_STAMP_LENGTH } from '../../../src/packets/sequence.ts';
import type { AccessPath } from '../harness/binding.ts';
import type { Flood } from '../harness/cable.ts';
import type { Command } from '../harness/command.ts';
import { built, type Guest } from '../harness/guest.ts';
import { type Nic, nicAddress } from '../harness/nics.ts';
import { lastPrinted, type Pair, portProgram, runsAs } from '../harness/ports.ts';
import { checkSequence, framesOf } from '../harness/recording.ts';
import { PROJECT } from '../harness/setup.ts';
import { holdFrames, numberedPackets } from '../harness/traffic.ts';
import { busMasters, enabledPairs, expectNothingLeft } from './quiet.ts';
import { suffix } from './traffic.ts';

const WORKERS = 2;
/** The one that dies, and the one that goes on. */
const VICTIM = 1;
const SURVIVOR = 0;
const NOBODY = -1;
const FLOWS = 64;
/** Of each flow equally many, so that each keeps its distance when they are sent round and round. */
const FRAMES = 50 * FLOWS;
const FIRST_PORT = 5000;
/** Frames that show who sends. */
const SAMPLE = 300;
const PACE = { framesPerSecond: 4000 };
/** Leaves an emulated processor time to start threads. */
const STREAM_PACE = { framesPerSecond: 1000 };
/** What waits for a queue that nobody has. */
const WAITING_FRAMES = 40_000;
const TIMEOUT = 110_000;
const PATIENCE = 30_000;

/** Where a frame says who sent it back, which flow it is of, and its number. */
const MARK = 11;
const UDP = 34;
const NUMBER = UDP + 8 + SEQUENCE_STAMP_LENGTH - 4;

/** Takes a step each time that it is told to by SIGUSR2. */
const program = (path: AccessPath, nic: Nic): string =>
  portProgram(
    path,
    `import { readFileSync } from 'node:fs';
    import { runWorkers } from ${built('workers/index.js')};
    const hugePages = () => Number(/HugePages_Free:\\s+(\\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
    const shared = (words) => new Int32Array(new SharedArrayBuffer(4 * words));
    const pagesBefore = hugePages();
    const port = await openPort('${nicAddress(nic)}', { rxQueues: ${WORKERS}, txQueues: ${WORKERS} });
    const data = { victim: shared(1).fill(${NOBODY}), wakes: shared(${WORKERS}) };
    const slept = () => [...data.wakes].map((wakes) => wakes > 0);
    const cores = [...Array(${WORKERS}).keys()];
    const module = new URL('file://${PROJECT}/test/vm/programs/echo-worker.js');
    const group = await runWorkers([port], { cores, packetsPerWorker: 2048, data }, module);
    const told = ({ worker, state, error, recovered }) => ({ worker, state, reason: error?.message, recovered });
    group.on('died', (end) => {
      data.victim[0] = ${NOBODY};
      data.wakes.fill(0);
      print(told(end));
    });
    const steps = [
      () => print({ ...port.statistics(), slept: slept() }),
      () => Atomics.store(data.victim, 0, ${VICTIM}),
      async () => {
        await group.restart(${VICTIM});
        console.log('restarted');
      },
      async () => {
        const sleptAgain = slept();
        const terminated = told(await group.workers[${SURVIVOR}].terminate());
        const ends = (await group.stop()).map(({ state }) => state);
        const { pool } = group;
        const missing = pool.capacity - pool.available();
        port.close();
        print({ sleptAgain, terminated, ends, missing, keptPages: pagesBefore - hugePages() });
        console.log('closed');
      },
    ];
    process.on('SIGUSR2', () => void steps.shift()());
    console.log('ready');`,
  );

/** What became of flows on their way through the workers. */
interface Passage {
  /** By flow: who sent it back. */
  readonly owners: ReadonlyMap<number, ReadonlySet<number>>;
  /** Frames that did not follow the one before of their flow. */
  readonly gaps: number;
}

function passageOf(file: string): Passage {
  const owners = new Map<number, Set<number>>();
  const last = new Map<number, number>();
  let gaps = 0;
  for (const frame of framesOf(file)) {
    const flow = frame.readUInt16BE(UDP);
    const number = frame.readUInt32BE(NUMBER);
    const before = last.get(flow);
    if (before !== undefined && number !== (before + FLOWS) % FRAMES) gaps++;
    last.set(flow, number);
    owners.set(flow, (owners.get(flow) ?? new Set()).add(frame[MARK]));
  }
  return { owners, gaps };
}

const flowPackets = (guest: Guest): Promise<string> =>
  numberedPackets(guest, FRAMES, `--src-port ${FIRST_PORT}-${FIRST_PORT + FLOWS - 1}`);

const everybody = ({ owners }: Passage): number[] =>
  [...new Set([...owners.values()].flatMap((who) => [...who]))].sort();

/** `nic` has pairs of queues for two workers, and is bound for this way of access. */
export function testWorkers(guest: () => Guest, path: AccessPath, nic: Nic): void {
  describe('workers with a queue each', { timeout: 2 * PATIENCE }, () => {
    let running: Command;
    let stream: Flood | undefined;
    let packets = '';
    const sleeps = path.interrupts === 'msix';

    beforeAll(async () => {
      await holdFrames(guest(), [nic], WAITING_FRAMES);
      packets = await flowPackets(guest());
      running = guest().startScript(program(path, nic), { ...runsAs(path), timeout: TIMEOUT });
      await running.printed('ready');
    }, TIMEOUT);
    afterAll(async () => {
      await stream?.stop();
      running?.kill('KILL');
    });

    const record = async (count: number): Promise<string> => {
      const recording = await guest().cable(nic).record({ from: 'guest', count, timeout: PATIENCE });
      return recording.ended();
    };

    it('share the flows of a NIC, lose nothing, and keep the order of each flow', async () => {
      const recording = await guest().cable(nic).record({ from: 'guest', count: FRAMES, timeout: PATIENCE });
      await guest().cable(nic).send(packets, PACE);
      const file = await recording.ended();
      expect(checkSequence(file)).toMatchObject({ unique: FRAMES, lost: 0, duplicated: 0, corrupted: 0 });
      const passage = passageOf(file);
      expect(passage.gaps).toBe(0);
      expect([...passage.owners.values()].filter((who) => who.size !== 1)).toEqual([]);
      expect(everybody(passage)).toEqual([SURVIVOR, VICTIM]);
      running.kill('USR2');
      expect(lastPrinted(await running.printed('slept'))).toMatchObject({
        rxPackets: FRAMES,
        txPackets: FRAMES,
        rxDropped: 0,
        txDropped: 0,
        slept: Array(WORKERS).fill(sleeps),
      });
      expect(await enabledPairs(guest(), nic, WORKERS)).toEqual(Array(WORKERS).fill([true, true]));
    });

    it('one that dies in the midst of traffic gives its queue back, and the other one goes on', async () => {
      stream = guest().cable(nic).flood(packets, STREAM_PACE);
      await record(SAMPLE);
      running.kill('USR2');
      expect(lastPrinted(await running.printed('told to die'))).toEqual({
        worker: VICTIM,
        state: 'died',
        reason: 'it was told to die',
        recovered: expect.any(Number),
      });
      const halves = await enabledPairs(guest(), nic, WORKERS);
      expect([halves[SURVIVOR], halves[VICTIM]]).toEqual([
        [true, true],
        [false, false],
      ]);
      const passage = passageOf(await record(SAMPLE));
      expect(passage.gaps).toBe(0);
      expect(everybody(passage)).toEqual([SURVIVOR]);
    });

    it('and is started again: its flows pass, in their order', async () => {
      running.kill('USR2');
      await running.printed('restarted');
      const seen = new Set<number>();
      while (!seen.has(VICTIM)) {
        const passage = passageOf(await record(SAMPLE));
        expect(passage.gaps).toBe(0);
        for (const worker of everybody(passage)) seen.add(worker);
      }
      expect([...seen].sort()).toEqual([SURVIVOR, VICTIM]);
    });

    it('leave a quiet device and all of the memory behind', async () => {
      await stream?.stop();
      stream = undefined;
      running.kill('USR2');
      await running.printed('closed');
      const { status, stdout, stderr } = await running.ended;
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(JSON.parse(stdout.trimEnd().split('\n').at(-2) ?? '')).toEqual({
        sleptAgain: Array(WORKERS).fill(sleeps),
        terminated: { worker: SURVIVOR, state: 'died', reason: 'it was terminated', recovered: expect.any(Number) },
        ends: ['died', 'ended'],
        missing: 0,
        keptPages: 0,
      });
      expect(await busMasters(guest(), [nic])).toEqual([false]);
      expect(await enabledPairs(guest(), nic, WORKERS)).toEqual(Array(WORKERS).fill([false, false]));
      await expectNothingLeft(guest());
    });
  });
}

interface CountedQueues {
  readonly directions: readonly { readonly received: number; readonly forwarded: number; readonly dropped: number }[];
  readonly ports: readonly {
    readonly queues: readonly {
      readonly rx: { readonly packets: number };
      readonly tx: { readonly packets: number };
    }[];
  }[];
}

/** Both of the pair have pairs of queues for two loops. */
export function testCores(guest: () => Guest, path: AccessPath, [a, b]: Pair): void {
  it(`ixy forward on ${WORKERS} cores: each loop has flows, keeps their order, and counts what it forwards`, async () => {
    await holdFrames(guest(), [a], FRAMES);
    const packets = await flowPackets(guest());
    const ports = [a, b].map((nic) => nicAddress(nic) + suffix(path)).join(' ');
    const options = `--cores 0-${WORKERS - 1} --count ${FRAMES} --json`;
    const running = guest().start(`exec node dist/cli/main.js forward ${ports} ${options}`, {
      ...runsAs(path),
      timeout: TIMEOUT,
    });
    await running.printed('rates');
    const recording = await guest().cable(b).record({ from: 'guest', count: FRAMES, timeout: PATIENCE });
    await guest().cable(a).send(packets, PACE);
    const file = await recording.ended();
    expect(checkSequence(file)).toMatchObject({ unique: FRAMES, lost: 0, duplicated: 0, corrupted: 0 });
    expect(passageOf(file).gaps).toBe(0);
    const { status, stdout, stderr } = await running.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { directions, ports: counted } = lastPrinted(stdout) as CountedQueues;
    expect(directions[0]).toMatchObject({ received: FRAMES, forwarded: FRAMES, dropped: 0 });
    const received = counted[0].queues.map(({ rx }) => rx.packets);
    expect(received).toHaveLength(WORKERS);
    expect(Math.min(...received)).toBeGreaterThan(FRAMES / FLOWS);
    expect(received.reduce((sum, packets) => sum + packets)).toBe(FRAMES);
    expect(counted[1].queues.map(({ tx }) => tx.packets)).toEqual(received);
  });
}
