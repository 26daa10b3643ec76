/** What must be true of the card, and of the kernel's log, whatever was done before. */
import { expect, it } from 'vitest';
import { type Bench, kernelLog, WARNINGS } from '../harness/bench.ts';

/** What the kernel says when an emulated machine gets too little time, when there is nothing to say, and of any card. */
const USUAL = /^$|hrtimer: interrupt took|clocksource|TSC|enabling UDP RSS/;

export function testEnding(bench: Bench): void {
  const { nic } = bench;

  it('was driven by known registers alone, within its memory', () => {
    expect([...nic().unknown]).toEqual([]);
    expect(nic().device.model.dmaFaults).toBe(0);
    expect(nic().log).toHaveLength(1);
  });

  it('gave the kernel nothing to warn of', async () => {
    expect((await kernelLog(bench, WARNINGS)).split('\n').filter((line) => !USUAL.test(line))).toEqual([]);
  });
}
