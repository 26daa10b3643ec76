/** Programs of this machine that judge what the project writes, or write what it reads. */
import { execFileSync, spawnSync } from 'node:child_process';
import { available } from './features.ts';

/** Whether all these programs are installed; else the tests that need them are skipped, in CI they fail. */
export function haveTools(...names: string[]): boolean {
  const missing = names.filter((name) => spawnSync(name, ['--version']).error !== undefined);
  return available(`tests that ask ${names.join(', ')}`, missing.length > 0 ? `not installed: ${missing}` : undefined);
}

/** Runs a program to its end and returns what it printed; throws, with its error output, if it fails. */
export function runTool(name: string, ...args: string[]): string {
  return execFileSync(name, args, { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What tshark says of each packet of a capture file: one row of fields per packet, checksums verified. */
export function tshark(file: string, fields: readonly string[], ...options: string[]): string[][] {
  const checks = ['ip', 'udp', 'tcp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
  const columns = fields.flatMap((field) => ['-e', field]);
  const output = runTool('tshark', '-n', '-r', file, ...checks, ...options, '-T', 'fields', ...columns);
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}
