/** Workers that are watched: what V8 does to them is seen on the thread that started them. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createWatch, PollWatch, type WatchFigures, WatchReader } from '../../src/workers/index.ts';
import { WorkerLab } from './lab.ts';

let opened: WorkerLab | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

/** Of programs/stutter.js. */
const POLLS = 200_000;

/** What the reader tells once it is `enough`. */
async function eventually(reader: WatchReader, enough: (total: WatchFigures) => boolean): Promise<WatchFigures> {
  for (let tries = 0; tries < 2000; tries++) {
    const total = await reader.total();
    if (enough(total)) return total;
    await setImmediate();
  }
  throw new Error(`never enough: ${JSON.stringify(await reader.total())}`);
}

describe('a watched worker', () => {
  it('shows its polls, its collections and its deoptimisations, also after it was started again', async () => {
    opened = await WorkerLab.open(2);
    const group = await opened.run(2, 'stutter', { watch: true });
    for (const { index, core, watch } of group.workers) {
      if (!watch) throw new Error('the worker is not watched');
      const total = await eventually(watch, ({ collections, deoptimisations = 0 }) => {
        return collections.count > 0 && deoptimisations > 0;
      });
      const { name, polls, packets, packetsPerPoll, gaps, collections } = total;
      expect(name).toBe(`worker ${index}, CPU ${core}`);
      expect({ polls, packets }).toEqual({ polls: POLLS, packets: POLLS });
      expect(packetsPerPoll).toMatchObject({ p50: 1, max: 1 });
      expect(gaps.max).toBeGreaterThan(gaps.p50);
      expect(collections.nanoseconds).toBeGreaterThan(0);
    }
    const [{ watch }] = group.workers;
    const { deoptimisations: before = 0 } = (await watch?.total()) ?? {};
    await group.workers[0].terminate();
    await group.restart(0);
    if (watch)
      await eventually(watch, ({ polls, deoptimisations = 0 }) => polls === 2 * POLLS && deoptimisations > before);
    await group.stop();
  });

  it('has no watch unless it is asked for', async () => {
    opened = await WorkerLab.open(1);
    const group = await opened.run(1, 'echo');
    expect(group.workers[0].watch).toBeUndefined();
  });
});

describe('a watch on this thread', () => {
  it('shows deoptimisations from its begin on, and that they made a gap long', async () => {
    const share = createWatch('main');
    const reader = new WatchReader(share);
    expect((await reader.total()).deoptimisations).toBe(0);
    const watch = new PollWatch(share);
    expect(await reader.total()).toMatchObject({ polls: 0 });
    const victim = new Function('object', 'return object.value + 1') as (object: object) => number;
    for (let i = 0; i < 1_000_000; i++) victim({ value: i });
    await reader.total();
    watch.begin();
    victim({ other: 1, value: 'text' });
    const end = performance.now() + 2;
    while (performance.now() < end);
    watch.begin();
    const { deoptimisations, longest } = await reader.interval();
    await watch.close();
    expect(deoptimisations).toBeGreaterThan(0);
    expect(['deoptimisation', 'not on a CPU']).toContain(longest?.cause);
  });
});
