#!/usr/bin/env node
/**
 * `npm run demo`: traffic through the ixgbe driver and the forwarder, between two emulated 82599s. Ends by itself, with 0
 * if all checks passed, 1 if one did not, and 128 + n after signal n; whatever ends it, it leaves nothing behind.
 */
import { constants } from 'node:os';
import { Command } from 'commander';
import { demonstrate } from './demonstrate.ts';
import { Report } from './report.ts';

/** All of it takes half as long on two idle cores; what takes longer than this has got stuck. */
const LONGEST_MILLISECONDS = 28_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Options {
  readonly quick?: boolean;
  readonly json?: boolean;
}

const options: Options = new Command('npm run demo --')
  .description('Forward real and generated traffic between two emulated 82599s, and check what arrives.')
  .option('--quick', 'shorter runs, for a look')
  .option('--json', 'print one JSON object a second, and one per stage')
  .parse()
  .opts();

// A reader that goes away (| head, or the terminal) ends the demo; what it has made is cleared away on exit.
process.stdout.on('error', () => process.exit(1));

const interruption = new AbortController();
const stop = (reason: string): void => interruption.abort(new Error(reason));
for (const signal of SIGNALS) {
  process.on(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    stop(`interrupted by ${signal}`);
  });
}
const limit = setTimeout(() => stop(`not done after ${LONGEST_MILLISECONDS / 1000} s`), LONGEST_MILLISECONDS);

const report = new Report({ json: options.json ?? false, stream: process.stdout, signal: interruption.signal });
try {
  await demonstrate(report, options.quick ?? false);
} catch (error) {
  report.fail(error);
} finally {
  clearTimeout(limit);
}
const passed = report.end();
process.exitCode ??= passed ? 0 : 1;
