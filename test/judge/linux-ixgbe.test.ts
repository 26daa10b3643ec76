/** Linux's own, unmodified ixgbe driver finds an 82599 in its machine, which is ours. */
import { expect, it } from 'vitest';
import { kernelLog, WARNINGS } from './harness/bench.ts';
import { describeJudged } from './harness/describe-judged.ts';
import { testBringUp } from './suites/bring-up.ts';
import { testFilters } from './suites/filters.ts';
import { testFlowDirector } from './suites/flow-director.ts';
import { testInterrupts } from './suites/interrupts.ts';
import { testLimits } from './suites/limits.ts';
import { testLink } from './suites/link.ts';
import { testModeration } from './suites/moderation.ts';
import { testPtp } from './suites/ptp.ts';
import { testRecording } from './suites/recording.ts';
import { testReload } from './suites/reload.ts';
import { testRss } from './suites/rss.ts';
import { testRules } from './suites/rules.ts';
import { testSegmentation } from './suites/segmentation.ts';
import { testSelfTest } from './suites/self-test.ts';
import { testStatistics } from './suites/statistics.ts';
import { testTraffic } from './suites/traffic.ts';

/** What the kernel says when an emulated machine gets too little time, when there is nothing to say, and of any card. */
const USUAL = /^$|hrtimer: interrupt took|clocksource|TSC|enabling UDP RSS/;

// One machine and one NIC for all, in the order in which a person would try them.
describeJudged('the emulated 82599', "under Linux's driver", {}, (bench) => {
  const { nic } = bench;
  testRecording(bench);
  testBringUp(bench);
  testTraffic(bench);
  testSegmentation(bench);
  testFilters(bench);
  testStatistics(bench);
  testLimits(bench);
  testRss(bench);
  testFlowDirector(bench);
  testInterrupts(bench);
  testModeration(bench);
  testPtp(bench);
  testRules(bench);
  testSelfTest(bench);
  testLink(bench);
  testReload(bench);

  it('was driven by known registers alone, within its memory', () => {
    expect([...nic().unknown]).toEqual([]);
    expect(nic().device.model.dmaFaults).toBe(0);
    expect(nic().log).toHaveLength(1);
  });

  it('gave the kernel nothing to warn of', async () => {
    expect((await kernelLog(bench, WARNINGS)).split('\n').filter((line) => !USUAL.test(line))).toEqual([]);
  });
});
