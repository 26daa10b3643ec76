import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packetsPerSecond, TokenBucket } from '../../src/apps/index.ts';

describe('TokenBucket', () => {
  it('is exact over time, whatever the times it is asked at', () => {
    const rates = fc.integer({ min: 1, max: 20_000_000 });
    const steps = fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(rates, steps, (rate, pauses) => {
        const bucket = new TokenBucket(rate, 1000);
        let now = 1000;
        let spent = 0;
        for (const pause of pauses) {
          now += pause;
          const due = bucket.available(now);
          expect(due).toBeGreaterThanOrEqual(0);
          bucket.spend(due);
          spent += due;
        }
        expect(Math.abs(spent - ((now - 1000) * rate) / 1000)).toBeLessThanOrEqual(1);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('keeps what was not spent, up to a tenth of a second', () => {
    const bucket = new TokenBucket(1_000_000, 0);
    expect(bucket.available(50)).toBe(50_000);
    bucket.spend(10_000);
    expect(bucket.available(50)).toBe(40_000);
    expect(bucket.available(10_000)).toBe(100_000);
    bucket.spend(100_000);
    expect(bucket.available(10_000)).toBe(0);
    expect(bucket.available(10_001)).toBe(1000);
  });

  it('lets a rate below ten per second save up for one packet', () => {
    const bucket = new TokenBucket(0.5, 0);
    expect(bucket.available(1999)).toBe(0);
    expect(bucket.available(2000)).toBe(1);
    expect(bucket.available(60_000)).toBe(1);
  });

  it.each([0, -1, Number.NaN])('refuses a rate of %s', (rate) => {
    expect(() => new TokenBucket(rate, 0)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it('knows what the smallest frames take on the wire', () => {
    expect(packetsPerSecond({ bitsPerSecond: 10e9 }, 60)).toBeCloseTo(14_880_952.38, 1);
    expect(packetsPerSecond({ framesPerSecond: 5 }, 60)).toBe(5);
  });
});
