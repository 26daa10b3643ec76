/** What a watch writes down of a loop, and what its reader makes of it: with clocks that stand still until they are told. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DONE } from '../../src/apps/index.ts';
import { PollLoop } from '../../src/apps/poll-loop.ts';
import type { RxInterrupt } from '../../src/drivers/net-device.ts';
import { createWatch, PollWatch, WatchReader } from '../../src/workers/index.ts';
import type { LoopClock } from '../../src/workers/loop-clock.ts';
import { BUCKETS, bucketOf, lowestOf, MOST_COUNTED } from '../../src/workers/watch-record.ts';

const SEED = 82_599;

/** A watch, its reader, and its machine. */
class Bench {
  /** Nanoseconds. */
  now = 1e15;
  cpu = 0;
  readonly clock: LoopClock = {
    time: new Float64Array(32),
    readTime: () => {
      this.clock.time[0] = this.now;
    },
    cpu: new Float64Array(32),
    readCpu: () => {
      this.clock.cpu[0] = this.cpu;
    },
  };
  readonly watch: PollWatch;
  readonly reader: WatchReader;

  constructor() {
    const share = createWatch('loop');
    this.watch = new PollWatch(share, this.clock);
    this.reader = new WatchReader(share, () => this.now / 1e9);
    onTestFinished(() => this.watch.close());
  }

  /** Time passes, on this CPU; or while others have it. */
  pass(nanoseconds: number, elsewhere = false): void {
    this.now += nanoseconds;
    if (!elsewhere) this.cpu += nanoseconds;
  }

  poll(packets: number): void {
    this.watch.begin();
    this.watch.moved(packets);
  }
}

describe('a histogram', () => {
  it('has a bucket for every integer, none more than 1.6 % wide', () => {
    expect(bucketOf(MOST_COUNTED)).toBe(BUCKETS - 1);
    const integer = fc.integer({ min: 0, max: MOST_COUNTED });
    fc.assert(
      fc.property(integer, (value) => {
        const lowest = lowestOf(bucketOf(value));
        expect(lowest).toBeLessThanOrEqual(value);
        expect(value - lowest).toBeLessThanOrEqual(value / 64);
        expect(bucketOf(lowest)).toBe(bucketOf(value));
      }),
      { seed: SEED },
    );
  });

  it('keeps the order', () => {
    for (let bucket = 1; bucket < BUCKETS; bucket++) expect(lowestOf(bucket)).toBeGreaterThan(lowestOf(bucket - 1));
  });
});

describe('a watch', () => {
  it('counts polls, packets, and gaps from begin to begin', async () => {
    const bench = new Bench();
    for (let i = 0; i <= 10_000; i++) {
      bench.poll(i % 4 === 0 ? 64 : 0);
      bench.pass(i === 5000 ? 40_000 : 100);
    }
    const { polls, emptyPolls, packets, packetsPerPoll, gaps, longest, seconds } = await bench.reader.interval();
    expect({ polls, emptyPolls, packets }).toEqual({ polls: 10_001, emptyPolls: 7500, packets: 2501 * 64 });
    expect(packetsPerPoll).toMatchObject({ p50: 64, p99: 64, max: 64 });
    expect(gaps).toMatchObject({ p50: 100, p99: 100, p999: 100, max: 40_000 });
    expect(longest).toEqual({ nanoseconds: 40_000, at: 1e15 + 500_000, cause: 'the loop itself' });
    expect(seconds).toBeCloseTo(0.00104, 5);
  });

  it('tells intervals apart, and adds them up', async () => {
    const bench = new Bench();
    const run = (gap: number): void => {
      for (let i = 0; i < 10; i++) {
        bench.poll(1);
        bench.pass(gap);
      }
    };
    run(2000);
    expect(await bench.reader.interval()).toMatchObject({ polls: 10, gaps: { max: 2000 } });
    run(100);
    // The first of these polls still had the long gap before it.
    expect(await bench.reader.interval()).toMatchObject({ polls: 10, gaps: { p50: 100, max: 2000 } });
    run(100);
    expect(await bench.reader.interval()).toMatchObject({ polls: 10, gaps: { max: 100 } });
    expect(await bench.reader.interval()).toMatchObject({ polls: 0, gaps: { max: 0 }, longest: undefined });
    expect(await bench.reader.total()).toMatchObject({ polls: 30, packets: 30, gaps: { max: 2000 } });
  });

  it('agrees with sorted gaps', async () => {
    const gap = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: MOST_COUNTED }));
    await fc.assert(
      fc.asyncProperty(fc.array(gap, { minLength: 1, maxLength: 300 }), async (gapsGiven) => {
        const bench = new Bench();
        bench.poll(0);
        for (const nanoseconds of gapsGiven) {
          bench.pass(nanoseconds);
          bench.poll(0);
        }
        const { gaps } = await bench.reader.total();
        const sorted = [...gapsGiven].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(sorted.length / 2) - 1];
        expect(gaps.p50).toBeGreaterThan(exact * 0.98 - 1);
        expect(gaps.p50).toBeLessThan(exact * 1.002 + 1);
        expect(gaps.max).toBe(sorted.at(-1));
      }),
      { seed: SEED, numRuns: 50 },
    );
  });

  it('keeps sleep on purpose apart', async () => {
    const bench = new Bench();
    bench.poll(1);
    bench.pass(100);
    bench.poll(1);
    bench.pass(5_000_000, true);
    bench.watch.rested();
    bench.poll(1);
    bench.pass(100);
    bench.poll(1);
    const { gaps, rests, offCpu } = await bench.reader.interval();
    expect(gaps.max).toBe(100);
    expect(rests).toEqual({ count: 1, nanoseconds: 5_000_000 });
    expect(offCpu).toBe(0);
  });

  it('does not take the time before the first poll for a gap', async () => {
    const bench = new Bench();
    bench.pass(1e9);
    bench.poll(1);
    expect(await bench.reader.interval()).toMatchObject({ polls: 1, longest: undefined, rests: { count: 0 } });
  });

  it('counts what takes longer than two seconds, and knows how long it took', async () => {
    const bench = new Bench();
    bench.poll(0);
    bench.pass(5e9);
    bench.poll(0);
    expect((await bench.reader.interval()).gaps.max).toBe(5e9);
  });
});

describe('the cause of the longest gap', () => {
  const afterGap = (gap: (bench: Bench) => void): Bench => {
    const bench = new Bench();
    bench.poll(1);
    bench.pass(100);
    bench.poll(1);
    gap(bench);
    bench.poll(1);
    bench.pass(100);
    bench.poll(1);
    return bench;
  };
  const causeOf = async (bench: Bench) => (await bench.reader.interval()).longest?.cause;

  it('is the loop, the event loop, or that others had the CPU', async () => {
    expect(await causeOf(afterGap((bench) => bench.pass(50_000)))).toBe('the loop itself');
    expect(await causeOf(afterGap((bench) => bench.pass(50_000, true)))).toBe('not on a CPU');
    const turn = afterGap((bench) => {
      bench.watch.turned();
      bench.pass(50_000);
    });
    expect(await causeOf(turn)).toBe('the event loop');
  });

  it('is a collection that took half of it, or more', async () => {
    for (const [nanoseconds, cause] of [
      [30_000, 'collection'],
      [20_000, 'the loop itself'],
    ] as const) {
      const bench = afterGap((each) => each.pass(50_000));
      const begin = bench.now - 45_000;
      bench.watch.collected([{ begin, nanoseconds }]);
      const { longest, collections } = await bench.reader.interval();
      expect(longest).toMatchObject({ nanoseconds: 50_000, cause });
      expect(collections).toEqual({ count: 1, nanoseconds });
    }
  });

  it('is not a collection at another time', async () => {
    const bench = afterGap((each) => each.pass(50_000));
    bench.watch.collected([{ begin: bench.now + 1e6, nanoseconds: 1e6 }]);
    expect(await causeOf(bench)).toBe('the loop itself');
  });
});

describe('a poll loop with a watch', () => {
  it('has every step watched, and its naps kept apart', async () => {
    const bench = new Bench();
    let steps = 0;
    const step = (): number => {
      bench.pass(1000);
      steps++;
      return steps <= 20 ? 8 : steps < 20_000 ? 0 : DONE;
    };
    const loop = new PollLoop(
      step,
      { watch: bench.watch, idleMilliseconds: 0.1, napMilliseconds: 0.001, sliceMilliseconds: 1 },
      () => undefined,
      bench.clock,
    );
    while (!loop.turn());
    const { polls, packets, gaps, rests } = await bench.reader.total();
    expect({ polls, packets }).toEqual({ polls: 20_000, packets: 160 });
    expect(rests.count).toBeGreaterThan(0);
    expect(gaps.max).toBe(1000);
  });

  it('keeps the sleep before an interrupt apart', async () => {
    const bench = new Bench();
    let ring = (): void => undefined;
    const interrupt: RxInterrupt = {
      arm: () => true,
      disarm: () => undefined,
      wait: () => true,
      handle: (handler) => {
        ring = handler ?? ring;
      },
      keepAlive: () => undefined,
    };
    const step = (): number => {
      bench.pass(1000);
      return 0;
    };
    const loop = new PollLoop(
      step,
      { watch: bench.watch, mode: 'interrupt', interrupts: [interrupt] },
      () => undefined,
      bench.clock,
    );
    while (!loop.asleep) loop.turn();
    bench.pass(20_000_000, true);
    ring();
    loop.turn();
    const { gaps, rests, polls } = await bench.reader.total();
    expect(polls).toBeGreaterThan(1);
    expect(gaps.max).toBeLessThanOrEqual(1000);
    expect(rests).toMatchObject({ count: 1 });
    expect(rests.nanoseconds).toBeGreaterThanOrEqual(20_000_000);
  });
});
