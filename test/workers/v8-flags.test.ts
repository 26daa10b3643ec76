/** What V8 is told ahead of threads that poll. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** A thread's room for new objects, in a process started with these options. */
function roomForNewObjects(...options: string[]): number {
  const thread = `
    import { getHeapSpaceStatistics } from 'node:v8';
    const [space] = getHeapSpaceStatistics().filter((each) => each.space_name === 'new_space');
    console.log(space.space_used_size + space.space_available_size);`;
  const source = `
    import { Worker } from 'node:worker_threads';
    import { keepHeaps } from '${new URL('../../dist/workers/v8-flags.js', import.meta.url)}';
    keepHeaps();
    new Worker(${JSON.stringify(thread)}, { eval: true });`;
  return Number(execFileSync(process.execPath, [...options, '--input-type=module', '--eval', source]));
}

describe('threads that begin after V8 was told', () => {
  it('have room for new objects from the beginning', () => {
    expect(roomForNewObjects()).toBeGreaterThan(8 * 2 ** 20);
  });

  it.each(['--min-semi-space-size=1', '--min_semi_space_size=1'])('have as much as %s gives them', (option) => {
    expect(roomForNewObjects(option)).toBeLessThan(8 * 2 ** 20);
  });
});
