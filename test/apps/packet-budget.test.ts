import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BudgetShare, OwnBudget, SharedBudget } from '../../src/apps/index.ts';

describe('a budget of one loop', () => {
  it('allows what is left, and is spent then', () => {
    const budget = new OwnBudget(10);
    expect(budget.allow(8)).toBe(8);
    budget.use(5);
    expect([budget.allow(8), budget.spent]).toEqual([5, false]);
    budget.use(5);
    expect([budget.allow(8), budget.spent]).toEqual([0, true]);
    expect(() => new OwnBudget(-1)).toThrow('count must be an integer from 0');
  });
});

describe('a budget that loops share', () => {
  const steps = fc.array(
    fc.record({
      loop: fc.nat(3),
      most: fc.integer({ min: 1, max: 300 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 300 },
  );

  it('is used up exactly, whoever takes how much and whoever dies', () => {
    fc.assert(
      fc.property(fc.nat(5000), steps, fc.nat(3), (count, taken, dead) => {
        const budget = new SharedBudget(count, 4);
        const loops = Array.from({ length: 4 }, (_, loop) => new BudgetShare(budget.words, loop));
        let used = 0;
        for (const { loop, most, share } of taken) {
          const allowed = loops[loop].allow(most);
          expect(allowed).toBeLessThanOrEqual(most);
          const packets = Math.floor(allowed * share);
          loops[loop].use(packets);
          used += packets;
        }
        budget.recover(dead);
        // Those that have nothing to do leave the rest to the one that has.
        for (const loop of loops.filter((_, index) => index !== dead)) {
          loop.allow(1);
          loop.use(0);
        }
        const last = loops[(dead + 1) % 4];
        for (let allowed = last.allow(64); allowed > 0; allowed = last.allow(64)) {
          last.use(allowed);
          used += allowed;
        }
        expect(used).toBe(count);
      }),
    );
  });

  it('allows full bursts until it runs short', () => {
    const budget = new SharedBudget(2000, 2);
    const loop = new BudgetShare(budget.words, 0);
    for (const burst of [64, 600]) {
      for (let i = 0; i < 6; i++) {
        expect(loop.allow(burst)).toBe(burst);
        loop.use(60);
      }
    }
    expect(loop.allow(4096)).toBe(1280);
  });

  it('may be more than a word of memory holds', () => {
    const budget = new SharedBudget(2 ** 31 + 5, 1);
    const loop = new BudgetShare(budget.words, 0);
    expect(loop.allow(64)).toBe(64);
    for (let i = 0; i < 4; i++) budget.refill();
    expect(budget.words[0]).toBeGreaterThan(0);
    expect(budget.words[0]).toBeLessThanOrEqual(2 ** 30);
    expect(() => new SharedBudget(0.5, 1)).toThrow('count must be an integer from 0');
  });
});
