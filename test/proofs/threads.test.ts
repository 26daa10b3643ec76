/** The same conservation with NICs on a thread of their own, where no two runs are the same. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { forward, Generator, generate } from '../../src/apps/index.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketTemplate, SequenceChecker } from '../../src/packets/index.ts';
import { open } from '../../src/ports/index.ts';

const COUNT = 500_000;

/** Drivers and devices. What virtio devices drop, nobody counts: frames wait on the cable (flow=1). */
const KINDS = [
  ['ixgbe', ''],
  ['virtio', '&ring=packed&flow=1'],
  ['virtio', '&ring=split&flow=1'],
  ['virtio', '&ring=split&without=IN_ORDER,EVENT_IDX&flow=1'],
  ['virtio', '&kind=legacy&flow=1'],
] as const;

async function openAll(...uris: string[]): Promise<NetDevice[]> {
  const ports: NetDevice[] = [];
  onTestFinished(() => {
    for (const port of ports) port.close();
  });
  for (const uri of uris) ports.push(await open(uri, { promiscuous: true }));
  await Promise.all(ports.map((port) => port.waitForLink()));
  return ports;
}

/** Each broken rule, and how often it was. */
function brokenRules(port: NetDevice): Record<string, number> {
  return Object.fromEntries(Object.entries(port.counters()).filter(([name]) => name.startsWith('violations.')));
}

const template = new PacketTemplate({
  size: 200,
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { sourcePort: 42, destinationPort: 1337 },
});

describe.each(KINDS)('%s%s', (model, more) => {
  test('a generator on the wire gets back every packet, through two NICs and a loopback plug', async () => {
    const [a, b] = await openAll(
      `emulated:${model}?wire=generator&count=${COUNT}&strict=1${more}`,
      `emulated:${model}?wire=loopback&strict=1${more}`,
    );
    const all = { received: COUNT, forwarded: COUNT, dropped: 0 };
    expect(await forward(a, b, { whenFull: 'wait' })).toEqual([
      expect.objectContaining(all),
      expect.objectContaining(all),
    ]);
    expect(brokenRules(a)).toEqual({});
    expect(brokenRules(b)).toEqual({});
    expect(a.counters()).toMatchObject({
      'wire.check.unique': COUNT,
      'wire.check.lost': 0,
      'wire.check.duplicated': 0,
      'wire.check.reordered': 0,
      'wire.check.corrupted': 0,
      'wire.check.foreign': 0,
    });
  });

  test('the generator’s packets cross a cable, or are counted where they were dropped', async () => {
    const [left, right] = await openAll(
      `emulated:${model}?wire=cable:conservation&strict=1${more}`,
      `emulated:${model}?wire=cable:conservation&strict=1${more}`,
    );
    const checker = new SequenceChecker({ template });
    const generator = new Generator(left, { template, count: COUNT });
    const batch = new PacketBatch(64);
    const receive = (): number => {
      const received = right.rx[0].receive(batch);
      const { bytes, length } = batch.pool;
      for (let i = 0; i < received; i++) checker.check(bytes, batch.offsets[i], length[batch.packets[i]]);
      batch.free();
      return received;
    };
    const deadline = performance.now() + 20_000; // never reached, unless packets are lost and not counted
    while (generator.step() >= 0 && performance.now() < deadline) receive();
    const arrived = (): number => {
      const { rxPackets, rxDropped } = right.statistics();
      return rxPackets + rxDropped;
    };
    while (
      performance.now() < deadline &&
      (arrived() < COUNT || checker.received < COUNT - right.statistics().rxDropped)
    ) {
      receive();
    }
    const { rxDropped } = right.statistics();
    expect(left.statistics().txPackets).toBe(COUNT);
    expect(checker).toMatchObject({ reordered: 0, duplicated: 0, stale: 0, corrupted: 0, foreign: 0 });
    expect(checker.unique + rxDropped).toBe(COUNT);
    expect([left.counters().violations, right.counters().violations]).toEqual([0, 0]);
    generator.close();
  });

  test('generate waits for the last packet to leave', async () => {
    const [port] = await openAll(`emulated:${model}?wire=null&strict=1${more}`);
    expect(await generate(port, { template, count: COUNT })).toEqual({ packets: COUNT, bytes: 200 * COUNT });
    expect(port.statistics()).toMatchObject({ txPackets: COUNT, txBytes: 200 * COUNT, txDropped: 0 });
    expect(port.counters()).toMatchObject({ violations: 0, 'wire.sent.frames': COUNT });
  });
});
