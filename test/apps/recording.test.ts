/** What loops give to a recording that a thread of its own writes. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Recording, RingRecorder } from '../../src/apps/recording.ts';
import { MultiProducerRing } from '../../src/memory/multi-producer-ring.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { RingConsumer, RingProducer } from '../../src/memory/packet-ring.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';

const CAPACITY = 64;
const LOOP = 1;
const WRITER = 2;

/** A loop, its end of the ring, and the writer's. */
function lab() {
  const memory = allocatePlainMemory(PacketPool.memorySize(3 * 256, 2 ** 21));
  const pool = new SharedPool(memory, { members: 3, checked: false });
  onTestFinished(() => pool.close());
  const [lane] = new MultiProducerRing(pool, { producers: [LOOP], consumer: WRITER, capacity: CAPACITY }).shares();
  const recording = new Recording({ path: 'unused' }, 1);
  const producer = new RingProducer(lane, pool.view(LOOP));
  const consumer = new RingConsumer(lane, pool.view(WRITER));
  return { pool: pool.view(LOOP), recording, producer, consumer };
}

/** Packets that begin with their number; `long` ones are chains. */
function packets(pool: PacketPool, count: number, long = false): PacketBatch {
  const batch = new PacketBatch(count);
  batch.allocate(pool, count);
  for (let i = 0; i < count; i++) {
    const packet = batch.packets[i];
    pool.length[packet] = 60;
    pool.bytes.fill(i, pool.offset(packet), pool.offset(packet) + 60);
    if (!long) continue;
    const behind = pool.allocate();
    pool.length[behind] = 10;
    pool.bytes.fill(100 + i, pool.offset(behind), pool.offset(behind) + 10);
    pool.chain(packet, behind);
  }
  return batch;
}

function contents({ pool, packets: numbers, length }: PacketBatch): number[][] {
  return Array.from(numbers.subarray(0, length), (packet) => {
    const next = pool.next[packet];
    const parts = next < 0 ? [packet] : [packet, next];
    return parts.flatMap((part) => [pool.bytes[pool.offset(part)], pool.length[part]]);
  });
}

describe('a loop that records', () => {
  it('hands its packets on, keeps what finds no room, and counts it', () => {
    const { pool, recording, producer, consumer } = lab();
    const recorder = new RingRecorder(recording.share, 0, producer);
    const burst = packets(pool, 40);
    recorder.record(burst);
    expect([burst.length, recorder.dropped]).toEqual([0, 0]);
    const second = packets(pool, 40);
    recorder.record(second);
    expect([second.length, recorder.dropped, recording.dropped]).toEqual([16, 16, 16]);
    second.free();
    const written = new PacketBatch(128);
    expect(consumer.receive(written)).toBe(CAPACITY);
    written.free();
  });

  it.each([false, true])('copies packets that go on, also chains (%s), and leaves out what finds no room', (long) => {
    const { pool, recording, producer, consumer } = lab();
    const recorder = new RingRecorder(recording.share, 0, producer, { batchSize: 40 });
    const burst = packets(pool, 20, long);
    const before = contents(burst);
    recorder.record(burst);
    expect([contents(burst), recorder.dropped]).toEqual([before, 0]);
    for (let i = 0; i < burst.length; i++) pool.bytes[burst.offset(i)] = 255; // what becomes of them does not matter
    const written = new PacketBatch(128);
    consumer.receive(written);
    expect(contents(written)).toEqual(before);
    written.free();
    const available = pool.available;
    for (let i = 0; i < 10; i++) recorder.record(burst);
    const taken = long ? CAPACITY / 2 : CAPACITY;
    expect(recorder.dropped).toBe(10 * 20 - taken);
    expect(available - pool.available).toBeLessThanOrEqual(CAPACITY);
    expect(contents(burst).map(([, length]) => length)).toEqual(Array(20).fill(60));
    burst.free();
  });
});
