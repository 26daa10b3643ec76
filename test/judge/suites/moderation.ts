/** Moderation: however many frames come, a vector keeps still for as long as the driver says. */
import { expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract } from '../../../src/datasheet/registers.ts';
import { type Bench, type Check, change, INTERFACE } from '../harness/bench.ts';
import { frameForGuest } from '../harness/flows.ts';
import { arrive } from '../harness/queues.ts';
import { interruptsOf } from '../harness/watching.ts';

const { EITR } = ixgbe;
const MICROSECOND = 1000;
/** Microseconds that an interval counts in. */
const UNIT = 2;
const INTERVALS = [200, 900];
/** Microseconds that mean: no moderation, and what the driver chooses by itself. */
const [OFF, BY_ITSELF] = [0, 1];
/** Several frames while a vector is still; all of them last longer than a guest is likely to wait for its processor. */
const PACE = 50 * MICROSECOND;
const FRAMES = 400;
/** Frames without an IP packet go to queue 0. */
const VECTOR = 0;

export function testModeration(bench: Bench): void {
  it('interrupts no more often than the driver wants', () => moderatesInterrupts(bench));
}

export const moderatesInterrupts: Check = async (bench) => {
  const { nic } = bench;
  const moderate = (microseconds: number): Promise<string> =>
    change(bench, `ethtool -C ${INTERFACE} rx-usecs ${microseconds}`);
  const interval = (vector: number): number => UNIT * extract(EITR.bits.ITR_INTERVAL, nic().register(EITR, vector));
  await moderate(OFF);
  expect(interval(VECTOR)).toBe(0);
  nic().wire.pace = PACE;
  const frames = Array.from({ length: FRAMES }, () => ({ frame: frameForGuest({}) }));
  for (const microseconds of INTERVALS) {
    await moderate(microseconds);
    expect([interval(0), interval(1)]).toEqual([microseconds, microseconds]);
    const times = await interruptsOf(bench, VECTOR, async () => {
      expect(await arrive(bench, frames)).toEqual([FRAMES, 0]);
    });
    expect(times.length).toBeGreaterThan(1);
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(microseconds * MICROSECOND);
  }
  nic().wire.pace = 0;
  await moderate(BY_ITSELF);
};
