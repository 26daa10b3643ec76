/** As rss.test.ts, of virtio: the driver sends table, key and types, the device steers and reports by its own rules. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CheckedPacketPool } from '../../src/memory/checked-pool.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { SEEDED } from '../packets/support.ts';
import { answerTo, flowFrames, frameBytes } from '../support/flow-frames.ts';
import { frame } from './lab.ts';
import { arrivals, predict, rssChanges } from './rss-arrivals.ts';
import { openVirtioLab, type VirtioLabOptions } from './virtio-lab.ts';

const QUEUES = 4;
const JUMBO = 9000;

const hash = { hash: true };
const MEETINGS = (
  [
    { ring: 'split' },
    { ring: 'packed' },
    { ring: 'split', rss: hash },
    { ring: 'packed', rss: hash },
    { ring: 'split', rss: hash, without: ['IN_ORDER', 'EVENT_IDX'], receiveChecksum: true },
    { ring: 'packed', rss: hash, without: ['IN_ORDER'], receiveChecksum: true },
    { ring: 'split', rss: hash, mtu: JUMBO },
    { ring: 'packed', rss: hash, mtu: JUMBO },
  ] satisfies VirtioLabOptions[]
).map((options): VirtioLabOptions => {
  const { mtu = 1500 } = options as VirtioLabOptions;
  const model = { mtu, queuePairs: QUEUES, queueSize: 64 };
  return { ...options, mtu, rxQueues: QUEUES, txQueues: QUEUES, model };
});

describe.each([
  ['checked', CheckedPacketPool],
  ['fast', PacketPool],
] as const)('%s bursts', (_name, Pool) => {
  test.each(MEETINGS)(
    'bring packets where they are predicted, and send them on: $ring, $rss, $mtu',
    async (options) => {
      const lab = await openVirtioLab({ ...options, Pool });
      const queues = new Set<number>();
      fc.assert(
        fc.property(
          rssChanges(QUEUES),
          fc.array(flowFrames(), { minLength: 1, maxLength: 20 }),
          fc.nat(4000),
          (change, flows, more) => {
            lab.nic.rss(change);
            const largest = lab.nic.mtu === JUMBO ? more : 100;
            const frames = flows.map((flow) => frameBytes({ ...flow, payload: (flow.payload * 37) % (largest + 1) }));
            for (const bytes of frames) lab.wire.send(bytes);
            // Sent from where they lie, headers and all: nothing that was received may show in what is sent.
            const found = arrivals(lab, (batch, queue) => {
              lab.nic.tx[queue].transmit(batch);
              batch.free();
            });
            const expected = frames.map((bytes) => predict(lab, bytes)).sort((a, b) => a.queue - b.queue);
            expect(found).toEqual(expected);
            lab.settle();
            expect(lab.sent.splice(0).map(String).sort()).toEqual(frames.map(String).sort());
            for (const { queue } of found) queues.add(queue);
          },
        ),
        { ...SEEDED, numRuns: 100 },
      );
      expect([...queues].sort()).toEqual([0, 1, 2, 3]);
      expect(lab.violations).toEqual([]);
      lab.close();
    },
  );
});

test('both directions of a flow meet on one queue with the symmetric key', async () => {
  const model = { queuePairs: QUEUES };
  const lab = await openVirtioLab({ rxQueues: QUEUES, model, rss: { key: 'symmetric', hash: true } });
  for (const flow of fc.sample(flowFrames(true), { seed: 82599, numRuns: 50 })) {
    lab.wire.send(frameBytes(flow));
    lab.wire.send(frameBytes(answerTo(flow)));
    const [there, back] = arrivals(lab);
    expect([back.queue, back.hash]).toEqual([there.queue, there.hash]);
  }
  lab.close();
});

test('one queue has hashes, with or without RSS', async () => {
  for (const without of [[], ['RSS']] as const) {
    const lab = await openVirtioLab({ without, rss: { hash: true, key: 'symmetric' } });
    const frames = fc.sample(flowFrames(), { seed: 3, numRuns: 50 }).map(frameBytes);
    for (const bytes of [...frames, frame(1, 60)]) lab.wire.send(bytes);
    expect(arrivals(lab)).toEqual([...frames, frame(1, 60)].map((bytes) => predict(lab, bytes)));
    lab.nic.rss({ fields: [] });
    lab.wire.send(frames[0]);
    expect(arrivals(lab)).toMatchObject([{ queue: 0, hash: 0 }]);
    expect(lab.violations).toEqual([]);
    lab.close();
  }
});

test('without RSS the device steers as it likes', async () => {
  for (const options of [{ rss: false }, { without: ['RSS'] }] as const) {
    const lab = await openVirtioLab({ ...options, rxQueues: 2, model: { queuePairs: 2 } });
    expect(lab.nic.rss()).toBeUndefined();
    expect(lab.nic.capabilities.features).not.toContain('RSS');
    const frames = fc.sample(flowFrames(true), { seed: 2, numRuns: 20 }).map(frameBytes);
    for (const bytes of frames) lab.wire.send(bytes);
    expect(arrivals(lab)).toHaveLength(20);
    expect(lab.violations).toEqual([]);
    lab.close();
  }
});
