/** What V8 is told ahead of threads that poll. */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 makes heaps smaller where hardly anything is allocated, as in a thread that polls: by a collection of ten milliseconds and
 * more some seconds after the start, and by room for new objects that is full again in seconds.
 */
const FLAGS = ['--no-memory-reducer', '--min-semi-space-size=16'];

/** Lets heaps of threads that begin from now on keep their room, 16 MiB. What Node was started with is left as it is. */
export function keepHeaps(): void {
  const own = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-');
  for (const flag of FLAGS) if (!own.includes(nameOf(flag))) setFlagsFromString(flag);
}

/** 'min-semi-space-size' for '--min-semi-space-size=16', and 'memory-reducer' for '--no-memory-reducer'. */
function nameOf(flag: string): string {
  return flag.replace(/^--(no-)?/, '').replace(/=.*/, '');
}
