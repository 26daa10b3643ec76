/** A machine whose kernel keeps the emulated 82599 behind an IOMMU: each page of a ring or buffer is a mapping of its own. */
import { expect, it } from 'vitest';
import { describeJudged } from './harness/describe-judged.ts';
import { testBringUp } from './suites/bring-up.ts';
import { testEnding } from './suites/ending.ts';
import { isTakenAgain } from './suites/reload.ts';
import { brokenRules, expected } from './suites/rules.ts';
import { testTraffic } from './suites/traffic.ts';

describeJudged('the emulated 82599, behind an IOMMU', "under Linux's driver", { iommu: true }, (bench) => {
  const { guest, nic } = bench;
  testBringUp(bench);

  it('has its addresses translated', async () => {
    expect(await guest().output('cat /sys/bus/pci/devices/0000:00:0a.0/iommu_group/type')).toBe('DMA');
  });

  testTraffic(bench);

  it('was driven by the rules that Linux keeps', () => {
    expect(expected()).toEqual(expect.arrayContaining(brokenRules(nic().device.model)));
  });

  it('is given back and taken again', () => isTakenAgain(bench));
  testEnding(bench);
});
