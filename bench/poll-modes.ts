/** What the modes of the poll loop differ in: packets per second under full load, and CPU time without any. */
import { type Forwarder, type NetDevice, type PollMode, poll, pollOptions } from 'ixy.ts';
import { IDLE, LOADED, withForwarder } from './forwarding.ts';
import { median } from './statistics.ts';
import { threadTimes } from './thread-times.ts';

const MODES = ['busy', 'adaptive', 'interrupt'] as const satisfies PollMode[];
const ROUND_MILLISECONDS = 100;
/** Until everything is compiled, in each mode. */
const WARM_UP_MILLISECONDS = 100;
/** Longer than any mode's patience, and than what opening the NICs has left to do. */
const SETTLE_MILLISECONDS = 50;

export interface ModeThroughput {
  readonly mode: PollMode;
  /** Million packets per second that were forwarded; the median of the rounds. */
  readonly mpps: number;
  /** The median of the rounds' ratios to mode 'busy'. */
  readonly ofBusy: number;
}

export interface ModeIdleCpu {
  readonly mode: PollMode;
  /** CPU time of the thread that polls, in percent of a core. The NICs' own thread does not count. */
  readonly percent: number;
}

type Ports = readonly [NetDevice, NetDevice];

function run(forwarder: Forwarder, ports: Ports, mode: PollMode, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  const step = () => forwarder.step();
  return poll(step, { ...pollOptions(ports, mode), until: () => performance.now() >= end });
}

/** One generator, one forwarder: all modes in each round, in changing order, so that what slows the machine hits all. */
export function measureThroughput(rounds: number): Promise<ModeThroughput[]> {
  return withForwarder(LOADED, async (forwarder, ports) => {
    const [direction] = forwarder.directions;
    const mpps = async (mode: PollMode): Promise<number> => {
      const before = direction.forwarded;
      const start = performance.now();
      await run(forwarder, ports, mode, ROUND_MILLISECONDS);
      return (direction.forwarded - before) / (performance.now() - start) / 1000;
    };
    for (const mode of MODES) await run(forwarder, ports, mode, WARM_UP_MILLISECONDS);
    const samples = { busy: [] as number[], adaptive: [] as number[], interrupt: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      for (const i of MODES.keys()) {
        const mode = MODES[(round + i) % MODES.length];
        samples[mode].push(await mpps(mode));
      }
    }
    return MODES.map((mode) => ({
      mode,
      mpps: median(samples[mode]),
      ofBusy: median(samples[mode].map((value, round) => value / samples.busy[round])),
    }));
  });
}

/** A forwarder, as `ixy forward` runs it, between NICs at which nothing arrives. */
export function measureIdleCpu(milliseconds: number): Promise<ModeIdleCpu[]> {
  return withForwarder(IDLE, async (forwarder, ports) => {
    const results: ModeIdleCpu[] = [];
    for (const mode of MODES) {
      await run(forwarder, ports, mode, SETTLE_MILLISECONDS);
      const { running } = threadTimes();
      const start = performance.now();
      await run(forwarder, ports, mode, milliseconds);
      const percent = (threadTimes().running - running) / 1e4 / (performance.now() - start);
      results.push({ mode, percent });
    }
    return results;
  });
}
