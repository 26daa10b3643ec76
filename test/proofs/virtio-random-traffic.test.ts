/** Any mixture of traffic and control, in checked mode: no rule is broken, and every frame and buffer is accounted for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { action, ascending, expectSent, finish, Run } from './random-run.ts';
import { MEETINGS, openVirtioLab } from './virtio-lab.ts';

/** What a virtio-net device sends, nobody pads. */
const asItIs = (frame: Uint8Array): Uint8Array => frame;

const meetings = MEETINGS.filter(({ options }) => options.rxQueues === undefined);

test.each(meetings.flatMap((meeting) => [16, 256].map((queueSize) => ({ ...meeting, queueSize }))))(
  'random traffic through rings of $queueSize: $name',
  async ({ options, queueSize }) => {
    const property = fc.asyncProperty(fc.array(action, { maxLength: 120 }), async (actions) => {
      const lab = await openVirtioLab({ ...options, model: { ...options.model, queueSize } });
      const run = new Run(lab, asItIs);
      for (const each of actions) run.do(each);
      finish(lab, run);
      const { nic, device } = lab;

      // What came in: received, or too long, not for us, or without a buffer; in order, nothing twice.
      expect(ascending(run.received)).toBe(true);
      expect(run.received.length + device.model.discarded).toBe(run.arrivals);
      expect(nic.statistics()).toMatchObject({ rxPackets: run.received.length, rxDropped: 0 });
      expectSent(lab, run, asItIs);

      lab.close();
      expect(lab.violations).toEqual([]);
      expect(lab.warnings).toEqual([]);
      expect(device.model.dmaFaults).toBe(0);
      lab.dispose();
    });
    await fc.assert(property, { seed: 1041, numRuns: 12 });
  },
  60_000,
);
