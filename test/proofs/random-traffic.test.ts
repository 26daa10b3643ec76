/** Any mixture of traffic and control, in checked mode: no rule is broken, and every frame and buffer is accounted for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openLab, padded } from './lab.ts';
import { action, ascending, expectSent, finish, Run } from './random-run.ts';

test.each([64, 256])(
  'random traffic through rings of %i',
  async (ring) => {
    const property = fc.asyncProperty(fc.array(action, { maxLength: 120 }), async (actions) => {
      const lab = await openLab({ mtu: 9500, txQueues: 2, rxRingSize: ring, txRingSize: ring });
      const run = new Run(lab, padded);
      for (const each of actions) run.do(each);
      finish(lab, run);
      const { nic, device } = lab;
      const counters = nic.counters();
      const statistics = nic.statistics();

      // What came in: received, too long, not for us, or without a descriptor; in order, nothing twice.
      const filtered = counters.RXNFGPC - counters.GPRC;
      expect(ascending(run.received)).toBe(true);
      expect(counters.TPR + device.model.discarded).toBe(run.arrivals);
      expect(run.received.length + filtered + statistics.rxDropped).toBe(counters.TPR);
      expect(statistics.rxPackets).toBe(run.received.length);
      expect(counters['rx[0].badFrames']).toBe(0);

      expectSent(lab, run, padded);
      lab.close();
      expect(lab.violations).toEqual([]);
      expect(lab.warnings).toEqual([]);
      expect(device.model.dmaFaults).toBe(0);
    });
    await fc.assert(property, { seed: 82599, numRuns: 60 });
  },
  60_000,
);
