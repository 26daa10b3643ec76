/** What the demo shows, in its order. */
import { generatedTraffic } from './generated-traffic.ts';
import { kernelTraffic } from './kernel-traffic.ts';
import { whyNoKernelTraffic } from './machine.ts';
import { replayedTraffic } from './replayed-traffic.ts';
import type { Report } from './report.ts';

/** Rejects with what stopped the demo; checks that fail are the report's. */
export async function demonstrate(report: Report, quick: boolean): Promise<void> {
  report.say(
    'Two emulated 82599s on a thread of their own. On this one: the ixgbe driver for both, and the forwarder.',
  );
  const missing = await whyNoKernelTraffic();
  if (missing === undefined) {
    await kernelTraffic(report, quick);
  } else {
    report.leaveOut('ping and download between two network namespaces', missing, 'a replayed capture');
    await replayedTraffic(report, quick);
  }
  await generatedTraffic(report, quick);
}
