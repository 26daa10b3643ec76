import { describe, expect, it } from 'vitest';
import type { RxQueue, TxQueue } from '../../src/drivers/net-device.ts';
import { hasOpenChecksum } from '../../src/memory/complete-checksum.ts';
import { MultiProducerRing, MultiRingConsumer } from '../../src/memory/multi-producer-ring.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { NO_PACKET, PacketPool, POOL_MOVED, POOL_SPECIAL, SLOT_STRIDE } from '../../src/memory/packet-pool.ts';
import { PacketRing, RingConsumer, RingProducer } from '../../src/memory/packet-ring.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { testMemory } from '../support/memory.ts';

const PAGE = 2 ** 21;
const CAPACITY = 64;

/** Two members with `each` packets, and a ring from 0 to 1; its counters begin at `counter`. */
function setUp({ each = 200, counter = 0, checked = false } = {}) {
  const shared = new SharedPool(testMemory(2 * each * SLOT_STRIDE, PAGE), { members: 2, checked });
  const ring = new PacketRing(shared, { capacity: CAPACITY, producer: 0, consumer: 1 });
  ring.share().counters.fill(counter);
  const [here, there] = [shared.view(0), shared.view(1)];
  const producer = new RingProducer(ring.share(), here);
  const consumer = new RingConsumer(ring.share(), there);
  return { shared, ring, here, there, producer, consumer };
}

describe('a ring between threads', () => {
  it('has ends in the shape of queues', () => {
    const { producer, consumer } = setUp();
    const tx: TxQueue = producer;
    const rx: RxQueue = consumer;
    expect([tx.pending(), rx.receive(new PacketBatch(4))]).toEqual([0, 0]);
  });

  it.each([0, 2 ** 31 - 100, -100])('passes packets on in order, with counters that begin at %i', (counter) => {
    const { here, there, producer, consumer } = setUp({ counter });
    const [sent, received] = [new PacketBatch(50), new PacketBatch(40)];
    let [written, read] = [0, 0];
    for (let round = 0; round < 200; round++) {
      const first = sent.length;
      sent.allocate(here, 1 + (round % 50));
      for (let i = first; i < sent.length; i++) here.length[sent.packets[i]] = written++;
      producer.transmit(sent);
      consumer.receive(received);
      for (let i = 0; i < received.length; i++) {
        expect(there.length[received.packets[i]]).toBe(read++);
        expect(received.offsets[i]).toBe(there.offset(received.packets[i]));
      }
      received.free();
    }
    expect(read).toBeGreaterThan(4000);
  });

  it('leaves in the batch what finds no room', () => {
    const { here, producer, consumer } = setUp();
    const batch = new PacketBatch(CAPACITY + 10);
    batch.allocate(here, CAPACITY + 10);
    const last = batch.packets.slice(CAPACITY);
    expect(producer.transmit(batch)).toBe(CAPACITY);
    expect([...batch.packets.subarray(0, batch.length)]).toEqual([...last]);
    expect(producer.transmit(batch)).toBe(0);
    expect(producer.pending()).toBe(CAPACITY);
    consumer.receive(new PacketBatch(4));
    expect(producer.transmit(batch)).toBe(4);
    expect(producer.pending()).toBe(CAPACITY);
  });

  it('gives the producer a packet back for each that it has given away', () => {
    const { here, there, producer, consumer } = setUp();
    const batch = new PacketBatch(32);
    const hand = new PacketBatch(32);
    batch.allocate(here, 32);
    producer.transmit(batch);
    consumer.receive(hand);
    expect([producer.pending(), here.available, there.available]).toEqual([0, 200, 200 - 32]);
    hand.free();
    expect(there.available).toBe(200);
  });

  it('remembers what the consumer owes while it has no free packet', () => {
    const { shared, here, there, producer, consumer } = setUp();
    const everything = new PacketBatch(200);
    everything.allocate(there, 200);
    const [batch, hand] = [new PacketBatch(32), new PacketBatch(32)];
    batch.allocate(here, 32);
    producer.transmit(batch);
    expect(consumer.receive(hand)).toBe(32);
    producer.pending();
    expect([here.available, shared.held(1)]).toEqual([200 - 32, 200 + 32]);
    hand.free();
    consumer.receive(hand);
    producer.pending();
    expect([here.available, shared.held(0), shared.held(1)]).toEqual([200, 200, 200]);
  });

  it('brings chains, moved data and open checksums over, and the counts of them', () => {
    const { here, there, producer, consumer } = setUp({ counter: -3 });
    const batch = new PacketBatch(8);
    batch.allocate(here, 6);
    const [plain, head, second, third, moved, open] = batch.packets;
    for (const packet of batch.packets.subarray(0, 6)) here.length[packet] = 100;
    here.chain(head, second);
    here.chain(head, third);
    here.prepend(moved, 10);
    here.requestChecksum(open, 20, 6);
    batch.length = 0;
    for (const packet of [plain, head, moved, open, here.allocate()]) batch.push(packet);
    expect(producer.transmit(batch)).toBe(5);
    expect([here.state[POOL_MOVED], here.state[POOL_SPECIAL], producer.pending()]).toEqual([0, 0, 7]);

    const received = new PacketBatch(2);
    expect(consumer.receive(received)).toBe(2);
    expect([...received.packets]).toEqual([plain, head]);
    expect([there.totalLength(head), there.state[POOL_SPECIAL]]).toEqual([300, 2]);
    received.free();
    expect(there.state[POOL_SPECIAL]).toBe(0);
    consumer.receive(received);
    expect([...received.packets]).toEqual([moved, open]);
    expect([received.offsets[0], hasOpenChecksum(there, open)]).toEqual([there.offset(moved), true]);
    expect([there.state[POOL_MOVED], there.state[POOL_SPECIAL]]).toEqual([1, 1]);
    received.free();
    expect(consumer.receive(received)).toBe(1);
    received.free();
    expect([producer.pending(), here.available, there.available]).toEqual([0, 200, 200]);
  });

  it('takes a chain whole or not at all, and drops one that is longer than the ring', () => {
    const { here, producer, consumer } = setUp();
    const chainOf = (buffers: number): number => {
      const head = here.allocate();
      for (let i = 1; i < buffers; i++) here.chain(head, here.allocate());
      return head;
    };
    const batch = new PacketBatch(64, here);
    batch.push(chainOf(CAPACITY + 1));
    batch.push(chainOf(CAPACITY - 2));
    batch.push(chainOf(3));
    expect(producer.transmit(batch)).toBe(1);
    expect([producer.dropped, batch.length]).toEqual([1, 1]);
    const received = new PacketBatch(64);
    expect(consumer.receive(received)).toBe(1);
    received.free();
    expect([producer.transmit(batch), consumer.receive(received)]).toEqual([1, 1]);
    received.free();
    expect([producer.pending(), here.available, here.next.every((next) => next === NO_PACKET)]).toEqual([0, 200, true]);
  });

  it('refuses packets of other pools, ends of other members, and sizes that are no power of two', () => {
    const { shared, ring, here, there, producer, consumer } = setUp();
    const stranger = new PacketPool(testMemory(PAGE));
    const batch = new PacketBatch(4);
    batch.allocate(stranger, 1);
    expect(() => producer.transmit(batch)).toThrow(/shared pool, member 0/);
    expect(() => consumer.receive(batch)).toThrow(/empty it first/);
    expect(() => new RingProducer(ring.share(), there)).toThrow(/must be member 0/);
    expect(() => new RingConsumer(ring.share(), here)).toThrow(/must be member 1/);
    expect(() => new RingProducer(ring.share(), stranger)).toThrow(/must be member 0/);
    expect(() => new RingProducer(ring.share(), setUp().here)).toThrow(/must be member 0/);
    const sized = (capacity: number, consumer = 1) => new PacketRing(shared, { capacity, producer: 0, consumer });
    expect(() => sized(100)).toThrow(/power of two, found 100/);
    expect(() => sized(32)).toThrow(/from 64/);
    expect(() => sized(64, 2)).toThrow(/member must be an integer from 0 to 1, found 2/);
  });
});

describe('a ring between threads, in checked mode', () => {
  it('knows who has a packet', () => {
    const { here, there, producer, consumer } = setUp({ checked: true });
    const batch = new PacketBatch(4);
    batch.allocate(here, 2);
    const [first, second] = batch.packets;
    producer.transmit(batch);
    expect(() => here.free(first)).toThrow(/cannot be freed: it belongs to a ring to another thread/);
    const received = new PacketBatch(1);
    consumer.receive(received);
    expect(() => here.free(first)).toThrow(/cannot be freed: it is with member 1, on another thread/);
    there.free(first);
    expect(() => there.free(first)).toThrow(/it is free/);
    expect(() => here.free(first)).toThrow(/member 1/);
    expect(() => there.free(second)).toThrow(/member 0/);
    batch.push(first);
    expect(() => producer.transmit(batch)).toThrow(/cannot be passed on/);
  });

  it('leaves packets that found no room to the application', () => {
    const { here, producer } = setUp({ checked: true });
    const batch = new PacketBatch(CAPACITY + 1);
    batch.allocate(here, CAPACITY + 1);
    producer.transmit(batch);
    batch.free();
    expect(here.available).toBe(200 - CAPACITY);
  });
});

describe('a ring of lanes', () => {
  const members = 4;

  it('takes packets from all producers in turn, each in its order', () => {
    const shared = new SharedPool(testMemory(members * 100 * SLOT_STRIDE, PAGE), { members });
    const ring = new MultiProducerRing(shared, { capacity: CAPACITY, producers: [1, 2, 3], consumer: 0 });
    const consumer = new MultiRingConsumer(ring.shares(), shared.view(0));
    const producers = [0, 1, 2].map((lane) => new RingProducer(ring.share(lane), shared.view(1 + lane)));
    const [batch, received] = [new PacketBatch(16), new PacketBatch(16)];
    const written = [0, 0, 0];
    const read = [0, 0, 0];
    for (let round = 0; round < 100; round++) {
      for (const [lane, { pool, transmit }] of producers.entries()) {
        batch.allocate(pool, 7);
        for (let i = 0; i < batch.length; i++) pool.length[batch.packets[i]] = 1000 * lane + (written[lane]++ % 1000);
        written[lane] -= batch.length - transmit(batch);
        batch.free();
      }
      consumer.receive(received);
      for (let i = 0; i < received.length; i++) {
        const value = received.bytesIn(i);
        const lane = Math.floor(value / 1000);
        expect(value % 1000).toBe(read[lane]++ % 1000);
      }
      received.free();
    }
    // 16 of 21 that are offered each round come through, of each lane about as many.
    for (const count of read) expect(count).toBeGreaterThan(500);
  });

  it('needs lanes', () => {
    const shared = new SharedPool(testMemory(PAGE), { members: 2 });
    const ring = new MultiProducerRing(shared, { producers: [1], consumer: 0 });
    expect(() => ring.share(1)).toThrow(/lanes 0 to 0, found 1/);
    expect(() => new MultiProducerRing(shared, { producers: [], consumer: 0 })).toThrow(/at least one producer/);
    expect(() => new MultiRingConsumer([], shared.view(0))).toThrow(/at least one lane/);
  });
});
