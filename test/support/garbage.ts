/** Garbage collection on demand. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Collects garbage and lets finalizers run, again and again until `condition` holds; returns whether it came to hold. */
export async function collectUntil(condition: () => boolean, rounds = 50): Promise<boolean> {
  for (let round = 0; round < rounds && !condition(); round++) {
    // A turn in between: what the condition looked at through a WeakRef is alive until this one ends.
    await setImmediate();
    collect();
    await setImmediate();
  }
  return condition();
}
