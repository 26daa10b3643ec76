/**
 * Where packets arrive is where software says they do: the driver programs the NIC, the NIC hashes by its own rules, and
 * `rssQueueOf` and `rssHash` predict both from what `rss()` says.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rssHash } from '../../src/packets/index.ts';
import { SEEDED } from '../packets/support.ts';
import { answerTo, flowFrames, frameBytes } from '../support/flow-frames.ts';
import { frame, openLab } from './lab.ts';
import { arrivals, predict, rssChanges } from './rss-arrivals.ts';

const QUEUES = 4;
const JUMBO = 9000;

describe('the queue that packets arrive on', () => {
  test.each([
    { hash: false, mtu: 1500 },
    { hash: true, mtu: 1500 },
    { hash: true, mtu: JUMBO },
  ])('is the predicted one, and so is the hash, whatever is set: $hash, MTU $mtu', async ({ hash, mtu }) => {
    const lab = await openLab({ rxQueues: QUEUES, rxRingSize: 64, mtu, rss: { hash } });
    const queues = new Set<number>();
    fc.assert(
      fc.property(rssChanges(QUEUES), fc.array(flowFrames(), { minLength: 1, maxLength: 20 }), (change, flows) => {
        lab.nic.rss(change);
        const frames = flows.map(frameBytes);
        for (const bytes of frames) lab.wire.send(bytes);
        const found = arrivals(lab);
        const expected = frames.map((bytes) => predict(lab, bytes)).sort((a, b) => a.queue - b.queue);
        expect(found).toEqual(expected);
        for (const { queue } of found) queues.add(queue);
      }),
      SEEDED,
    );
    expect([...queues].sort()).toEqual([0, 1, 2, 3]);
    expect(lab.violations).toEqual([]);
    lab.close();
  });

  test('is one for both directions with the symmetric key, and flows use all queues', async () => {
    const lab = await openLab({ rxQueues: QUEUES, rss: { key: 'symmetric', hash: true } });
    const used = new Set<number>();
    for (const flow of fc.sample(flowFrames(true), { seed: 82599, numRuns: 100 })) {
      lab.wire.send(frameBytes(flow));
      lab.wire.send(frameBytes(answerTo(flow)));
      const [there, back] = arrivals(lab);
      expect([back.queue, back.hash]).toEqual([there.queue, there.hash]);
      used.add(there.queue);
    }
    expect(used.size).toBe(QUEUES);
    lab.close();
  });

  test('changes while packets arrive, and the NIC forgets none of them', async () => {
    const lab = await openLab({ rxQueues: QUEUES });
    const [bytes] = fc.sample(flowFrames(true), { seed: 1, numRuns: 1 }).map(frameBytes);
    for (const queue of [3, 1, 0, 2]) {
      lab.wire.send(bytes);
      lab.nic.rss({ queues: [queue] });
      lab.wire.send(bytes);
      expect(arrivals(lab).filter((arrival) => arrival.queue === queue).length).toBeGreaterThanOrEqual(1);
    }
    expect(lab.nic.statistics().rxPackets).toBe(8);
    expect(lab.violations).toEqual([]);
    lab.close();
  });

  test('is the first without RSS, and for frames that have no hash', async () => {
    const lab = await openLab({ rxQueues: QUEUES, rss: false });
    expect(lab.nic.rss()).toBeUndefined();
    const frames = fc.sample(flowFrames(true), { seed: 2, numRuns: 20 }).map(frameBytes);
    for (const bytes of frames) lab.wire.send(bytes);
    expect(arrivals(lab)).toEqual(frames.map((bytes) => ({ queue: 0, frame: bytes, hash: 0 })));
    lab.close();
    await lab.open({ rss: { hash: true } });
    await lab.nic.waitForLink();
    lab.wire.send(frame(0, 60));
    expect(arrivals(lab)).toMatchObject([{ queue: 0, hash: 0 }]);
    expect(lab.violations).toEqual([]);
  });
});

describe('the hash in packet metadata', () => {
  test("is the frame's own in a chain of buffers, and 0 again for the next frame without one", async () => {
    const lab = await openLab({ mtu: JUMBO, rss: { hash: true } });
    const [flow] = fc.sample(flowFrames(true), { seed: 3, numRuns: 1 });
    const long = frameBytes({ ...flow, isIpv4: true, source: flow.source.slice(0, 4), payload: 5000 });
    for (const bytes of [long, frame(1, 60), long, frame(2, 5000)]) lab.wire.send(bytes);
    const found = arrivals(lab);
    const hash = rssHash(long, 0, long.length, lab.nic.rss() ?? expect.fail());
    expect(hash).not.toBe(0);
    expect(found.map((arrival) => arrival.hash)).toEqual([hash, 0, hash, 0]);
    expect(lab.violations).toEqual([]);
    lab.close();
  });

  test('goes past frames that are dropped, to the right packets', async () => {
    const lab = await openLab({ rss: { hash: true } });
    const frames = fc.sample(flowFrames(true), { seed: 4, numRuns: 8 }).map(frameBytes);
    lab.device.model.faults.inject({ kind: 'rx-wrong-length', length: 0, after: 3, count: 1 });
    for (const bytes of frames) lab.wire.send(bytes);
    const found = arrivals(lab);
    expect(lab.nic.rx[0].badFrames).toBe(1);
    expect(found).toEqual(frames.filter((_, i) => i !== 3).map((bytes) => predict(lab, bytes)));
    lab.close();
  });
});
