/** `ixy doctor`: whether this machine has what a run needs. */
import type { Command } from 'commander';
import type { Check } from '../system/check.ts';
import { examine } from '../system/doctor.ts';
import { type Colors, colorsFor } from './colors.ts';
import { EXIT_FAILURE } from './report-error.ts';

const NOTES = `
Looks, and changes nothing. A problem keeps real NICs from being used, or everything; with
advice it works, but not as well. Exit status: 0 no problem, 1 at least one.

Examples:
  ixy doctor
  ixy doctor --json | jq '.checks[] | select(.verdict == "problem")'
`;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Check what a run needs of this machine, and say what to do.')
    .option('--json', 'print a JSON object')
    .addHelpText('after', NOTES)
    .action((options: { readonly json?: boolean }) => {
      const checks = examine();
      const healthy = checks.every(({ verdict }) => verdict !== 'problem');
      const text = options.json
        ? JSON.stringify({ ok: healthy, checks })
        : checksText(checks, colorsFor(process.stdout)).join('\n');
      process.stdout.write(`${text}\n`);
      if (!healthy) process.exitCode = EXIT_FAILURE;
    });
}

export function checksText(checks: readonly Check[], colors: Colors): string[] {
  const paint = { ok: colors.green, advice: colors.yellow, problem: colors.red };
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, verdict, found, advice }) => [
    `${paint[verdict](verdict.padEnd('problem'.length))}  ${name.padEnd(width)}  ${found}`,
    ...(advice === null ? [] : [`${' '.repeat('problem'.length + width + 4)}${advice}`]),
  ]);
}
