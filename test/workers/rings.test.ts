/** Rings between the threads of a group: which ones there can be. */
import { describe, expect, it } from 'vitest';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { createRings, type GroupThread, RingEnds, type WorkerRing } from '../../src/workers/rings.ts';
import { testMemory } from '../support/memory.ts';

const WORKERS = 3;

function poolOf(workers: number): SharedPool {
  return new SharedPool(testMemory(2 ** 21, 2 ** 21), { members: 1 + workers });
}

/** The refusal of a ring 'work' with these ends. */
function refusal(ring: WorkerRing): { readonly code: string; readonly message: string } | undefined {
  try {
    createRings(poolOf(WORKERS), { sound: { producers: ['main'], consumer: 0 }, work: ring });
    return undefined;
  } catch (error) {
    const { code, message } = error as Error & { readonly code: string };
    return { code, message };
  }
}

describe('rings of a group', () => {
  it('lead from any threads to another one', () => {
    const pool = poolOf(WORKERS);
    const shares = createRings(pool, {
      work: { producers: ['main', 0, 1], consumer: 2, capacity: 64 },
      done: { producers: [2], consumer: 'main' },
    });
    const lanes = Object.entries(shares).map(([name, lanes]) => [name, lanes.map(({ producer }) => producer)]);
    expect(lanes).toEqual([
      ['work', [0, 1, 2]],
      ['done', [3]],
    ]);
    const ends = new RingEnds(shares, pool.view(0), 0);
    expect(ends.producer('work')).toBe(ends.producer('work'));
    expect(ends.consumer('done').pool).toBe(pool.view(0));
  });

  it.each([3, -1, 0.5, Number.NaN, 'mian', '0'])('lead not from or to %s, which is no thread of it', (thread) => {
    const unknown = thread as GroupThread;
    const message = `ring 'work' is between workers 0 to 2 and 'main', found ${thread}`;
    expect(refusal({ producers: [0, unknown], consumer: 1 })).toEqual({ code: 'ERR_ARGUMENT', message });
    expect(refusal({ producers: [0], consumer: unknown })).toEqual({ code: 'ERR_ARGUMENT', message });
  });

  it.each([
    ['nobody', { producers: [], consumer: 1 }, 'needs at least one producer, found none'],
    [
      'a thread twice',
      { producers: [0, 2, 0], consumer: 1 },
      'has worker 0 as a producer twice; name each producer once',
    ],
    [
      'a thread to itself',
      { producers: [0, 1], consumer: 1 },
      'has worker 1 as a producer and as the consumer; a ring leads to another thread',
    ],
    [
      'the main thread to itself',
      { producers: ['main'], consumer: 'main' },
      "has 'main' as a producer and as the consumer; a ring leads to another thread",
    ],
  ] as const)('lead not from %s', (_, ring, problem) => {
    expect(refusal(ring)).toEqual({ code: 'ERR_ARGUMENT', message: `ring 'work' ${problem}` });
  });
});
