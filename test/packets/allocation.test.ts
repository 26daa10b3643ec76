/** The packet path allocates nothing: no garbage collection runs while millions of packets pass. */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  CaptureWriter,
  PacketStack,
  PacketStamper,
  PacketTemplate,
  RSS_FIELDS,
  rssKey,
  rssQueueOf,
  SequenceChecker,
} from '../../src/packets/index.ts';
import { ethernet, ipv4, ports } from './support.ts';

const WARM_UP = 300_000;
const COUNT = 3_000_000; // at one boxed number each, 48 MB: several times the young generation

/** Garbage collections that begin while `action` runs `COUNT` times, after a warm-up. */
async function collectionsDuring(action: (i: number) => void): Promise<number> {
  for (let i = 0; i < WARM_UP; i++) action(i);
  const starts: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) starts.push(entry.startTime);
  });
  observer.observe({ entryTypes: ['gc'] });
  const begin = performance.now();
  for (let i = 0; i < COUNT; i++) action(i);
  const end = performance.now();
  await setTimeout(); // entries are delivered from the event loop
  observer.disconnect();
  return starts.filter((start) => start >= begin && start <= end).length;
}

// Values from 2^31 on are the ones that the engine would box.
const first = 3_000_000_000;
const magic = 0xdead_beef;
const template = new PacketTemplate({ size: 64, ethernet, ipv4, udp: ports });
const bytes = template.bytes.slice();

describe('garbage collections in millions of packets', () => {
  it('would be seen', async () => {
    const kept: object[] = [{}];
    expect(await collectionsDuring((i) => (kept[0] = { i }))).toBeGreaterThan(0);
  });

  it('stamping and checking: none', async () => {
    const stamper = new PacketStamper(template, {
      sourceIp: { first: '200.0.0.1', last: '200.0.0.254' },
      sourcePort: { first: 1, last: 60_000 },
      sequence: { first, magic },
    });
    const checker = new SequenceChecker({ first, magic, template });
    const collections = await collectionsDuring(() => {
      stamper.stamp(bytes, 0);
      checker.check(bytes, 0, bytes.length);
    });
    expect(collections).toBe(0);
    expect(checker).toMatchObject({ unique: WARM_UP + COUNT, lost: 0 });
  });

  it.each(['pcap', 'pcapng'] as const)('writing %s: none', async (format) => {
    const writer = new CaptureWriter(() => {}, { format });
    expect(await collectionsDuring((i) => writer.write(bytes, 0, 64, 1_700_000_000, i))).toBe(0);
  });

  it('finding headers: none', async () => {
    const stack = new PacketStack();
    expect(await collectionsDuring(() => stack.parse(bytes, 0, 64))).toBe(0);
  });

  it('finding queues: none', async () => {
    const rss = { key: rssKey('microsoft'), fields: RSS_FIELDS, table: new Uint8Array(128) };
    expect(await collectionsDuring(() => rssQueueOf(bytes, 0, 64, rss))).toBe(0);
  });
});
