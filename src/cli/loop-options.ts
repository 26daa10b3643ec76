/** Options of commands that run a packet loop. */
import type { Command } from 'commander';
import type { PollMode } from '../apps/index.ts';
import { addCoresOptions, type CoresOptions } from './cores.ts';
import { count, duration, mtu, pollBudgetOption, pollModeOption } from './option-values.ts';
import { addWatchOption, type Watching, type WatchOptions } from './watch-view.ts';

export interface LoopOptions extends CoresOptions, WatchOptions {
  /** What `--watch` became. */
  readonly watching?: Watching | undefined;
  readonly count?: number;
  readonly duration?: number;
  readonly batch?: number;
  readonly json?: boolean;
}

/** Of loops that receive. */
export interface ReceiveOptions extends LoopOptions {
  readonly pollMode?: PollMode;
  readonly mtu?: number;
}

/** The options of `ReceiveOptions`; `countText` says what `--count` counts. */
export function addReceiveOptions(command: Command, countText: string): Command {
  command
    .option('-n, --count <packets>', countText, count)
    .option('-d, --duration <time>', 'end after this time (10, 500ms)', duration)
    .addOption(pollBudgetOption())
    .addOption(pollModeOption());
  return addWatchOption(addCoresOptions(command))
    .option('--mtu <bytes>', 'payload of the largest frame (68 to 9500)', mtu, 1500)
    .option('--json', 'print one JSON object a second');
}
