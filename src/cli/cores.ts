/** Packet loops on several cores: the options of commands for it, and what people are told of it. */
import { type Command, Option } from 'commander';
import type { Counted, LoopTotals } from '../apps/index.ts';
import { DROPPED, FORWARDED, RECEIVED } from '../apps/index.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import type { OpenOptions } from '../ports/index.ts';
import { integerFrom } from '../ports/quantities.ts';
import type { WorkerEnd } from '../workers/index.ts';
import { optionValue } from './option-values.ts';
import { parseCores } from './ranges.ts';

export interface CoresOptions {
  readonly cores?: readonly number[];
  readonly queues?: number;
}

/** `--cores` and `--queues`. */
export function addCoresOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--cores <list>', 'a loop on each of these CPUs (2-5, 0,2), with queues of its own').argParser(
        optionValue(parseCores),
      ),
    )
    .addOption(
      new Option('--queues <number>', "queues of each port, each way: every loop's (1 to 64; default: 1)").argParser(
        optionValue(integerFrom(1, 64)),
      ),
    );
}

/** How many loops there are, with how many queues each, and how ports are opened for them. */
export function loopPlan({ cores, queues = 1 }: CoresOptions): {
  readonly loops: number;
  readonly queues: number;
  readonly open: Pick<OpenOptions, 'rxQueues' | 'txQueues'>;
} {
  const loops = cores?.length ?? 1;
  return { loops, queues, open: { rxQueues: loops * queues, txQueues: loops * queues } };
}

/** The ports' counters, with what loops count by queue, and what they dropped on the way to each port. */
export function countedPorts(ports: readonly NetDevice[], totals: LoopTotals): Counted[] {
  return ports.map((port, i) => {
    const to = ports.length - 1 - i;
    return {
      name: port.name,
      statistics: () => {
        const statistics = port.statistics();
        return { ...statistics, txDropped: statistics.txDropped + totals.total(to, DROPPED) };
      },
      queues: () => {
        const sent = totals.byQueue(to, FORWARDED);
        return totals.byQueue(i, RECEIVED).map((rxPackets, queue) => ({ rxPackets, txPackets: sent[queue] }));
      },
    };
  });
}

/** Tells of loops that die, when they do, and of all of them at the end. */
export class DeathNotices {
  readonly #json: boolean;

  constructor(json = false) {
    this.#json = json;
  }

  /** For `WorkerLoopsOptions.onDeath`. */
  readonly report = ({ worker, error }: WorkerEnd, core: number): void => {
    const text = `worker ${worker} on core ${core} died, and the others go on: ${error?.message}`;
    const object = { type: 'death', worker, core, message: error?.message };
    process.stderr.write(this.#json ? `${JSON.stringify(object)}\n` : `ixy: ${text}\n`);
  };

  /** Throws `ERR_SYSTEM` if a loop did not end by itself. */
  check(ends: readonly WorkerEnd[]): void {
    const dead = ends.filter(({ state }) => state === 'died');
    if (dead.length === 0) return;
    const why = dead.map(({ worker, error }) => `worker ${worker}: ${error?.message}`).join('; ');
    throw new IxyError('ERR_SYSTEM', `${dead.length} of ${ends.length} workers died: ${why}`);
  }
}
