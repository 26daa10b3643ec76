import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DONE, poll } from '../../src/apps/index.ts';

describe('poll', () => {
  it('runs until a step says that it is done', async () => {
    let steps = 0;
    await poll(() => (++steps === 1000 ? DONE : 1));
    expect(steps).toBe(1000);
  });

  it('takes a step that returns nothing for a busy one', async () => {
    const controller = new AbortController();
    let steps = 0;
    await poll(
      () => {
        if (++steps === 500) controller.abort();
      },
      { signal: controller.signal, idleMilliseconds: 0, napMilliseconds: 1e6 },
    );
    expect(steps).toBeGreaterThanOrEqual(500);
  });

  it('rejects with what a step throws', async () => {
    const step = () => {
      throw new RangeError('no');
    };
    await expect(poll(step)).rejects.toThrow(new RangeError('no'));
  });

  it('does not begin if the signal is aborted already', async () => {
    let steps = 0;
    await poll(() => ++steps, { signal: AbortSignal.abort() });
    expect(steps).toBe(0);
  });

  it('lets timers and abort signals through while every step has work', async () => {
    const controller = new AbortController();
    const timer = setTimeout(1).then(() => controller.abort());
    await poll(() => 1, { signal: controller.signal });
    await timer;
  });

  it('lets them through while it naps, and wakes up for work', async () => {
    const controller = new AbortController();
    let work = 0;
    let moved = 0;
    const step = () => {
      const now = work;
      work = 0;
      moved += now;
      return now;
    };
    const loop = poll(step, { signal: controller.signal, idleMilliseconds: 0 });
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    work = 7;
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    controller.abort();
    await loop;
    expect(moved).toBe(7);
  });

  it('ends when `until` is true, which it asks between slices only', async () => {
    let steps = 0;
    let asked = 0;
    await poll(() => ++steps, { until: () => ++asked === 3 });
    expect(asked).toBe(3);
    expect(steps).toBeGreaterThan(asked);
  });

  it.each(['sliceMilliseconds', 'idleMilliseconds', 'napMilliseconds'])('refuses a negative %s', async (name) => {
    await expect(poll(() => 0, { [name]: -1 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(poll(() => 0, { [name]: Number.NaN })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});
