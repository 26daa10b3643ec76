/** Linux's own, unmodified ixgbe driver finds an 82599 in its machine, which is ours. */
import { describeJudged } from './harness/describe-judged.ts';
import { testBringUp } from './suites/bring-up.ts';
import { testEnding } from './suites/ending.ts';
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

// One machine and one NIC for all, in the order in which a person would try them.
describeJudged('the emulated 82599', "under Linux's driver", {}, (bench) => {
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
  testEnding(bench);
});
