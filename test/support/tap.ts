/** TAP interfaces for tests: whether this machine lets us have some, and a name for one. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { available } from './features.ts';

function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    execFileSync('ip', ['-Version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether tests of TAP interfaces can run. */
export const haveTap = available('tests of TAP interfaces', whyNot());

/** Runs `ip`; throws what it says if it fails. */
export function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}

/** A name that no other test process uses. */
export function tapName(prefix: string): string {
  return `${prefix}${process.pid % 1e8}`;
}
