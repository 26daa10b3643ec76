/** What the page about Linux's driver tells is what it does. */
import { expect, it } from 'vitest';
import recorded from '../../../scripts/linux-ixgbe/recorded.json' with { type: 'json' };
import { condenseRecording } from '../../../scripts/linux-ixgbe/recording.ts';
import type { Bench } from '../harness/bench.ts';
import { kernelSeries, recordLinux } from '../harness/recorded-run.ts';

export function testRecording(bench: Bench): void {
  it(`is brought up and put away as docs/linux-ixgbe.md tells of Linux ${recorded.kernel}`, async ({ skip }) => {
    const series = kernelSeries();
    skip(series !== recorded.kernel, `the guest has Linux ${series}`);
    expect(condenseRecording(await recordLinux(bench))).toEqual(recorded);
  });
}
