/** How failures end a command: one line on standard error that says what to do, and an exit code. */
import { CommanderError } from 'commander';
import { IxyError } from '../errors.ts';

export const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Codes of what is wrong with the command line rather than with the machine. */
const USAGE_CODES: readonly string[] = ['ERR_ARGUMENT', 'ERR_PORT_URI'];

/** Prints the failure, as a JSON object if that was asked for; returns the exit code. */
export function reportError(error: unknown, json: boolean): number {
  // Commander has printed its own message already, through `writeUsageError`.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  const code = error instanceof IxyError ? error.code : 'ERR_SYSTEM';
  const message = oneLine(error instanceof Error ? error.message : String(error));
  writeError(code, message, json);
  if (process.env.IXY_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return USAGE_CODES.includes(code) ? EXIT_USAGE : EXIT_FAILURE;
}

/** Prints what commander found wrong with the command line; its guess at a misspelt word is on the same line. */
export function writeUsageError(text: string, json: boolean): void {
  writeError('ERR_ARGUMENT', oneLine(text.replace(/^error: /, '')), json);
}

function writeError(code: string, message: string, json: boolean): void {
  process.stderr.write(json ? `${JSON.stringify({ type: 'error', code, message })}\n` : `ixy: ${message}\n`);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
