/** What a group of tests shares, and what has to be put away after them. */
import { afterAll, beforeAll } from 'vitest';

/**
 * Has what `start` makes while the tests of the surrounding `describe` run; returns how they get at it. `what` names it when
 * somebody does so too early. `timeout`, in milliseconds, is for the start.
 */
export function duringTests<Thing extends { close(): Promise<void> }>(
  what: string,
  start: () => Promise<Thing>,
  timeout?: number,
): () => Thing {
  let started: Thing | undefined;
  beforeAll(async () => {
    started = await start();
  }, timeout);
  afterAll(() => started?.close());
  return () => {
    if (!started) throw new Error(`${what} is there only while its tests run`);
    return started;
  };
}
