/** The device's side of both formats of virtqueue: what it takes, gives back, and tells. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PACKED_FLAG_WRITE } from '../../../src/datasheet/virtio/packed-ring.ts';
import { FORMATS, Lab } from './queue-lab.ts';
import type { Part } from './ring-driver.ts';

const NEVER = -1;

describe.each(FORMATS)('a %s queue', (format) => {
  test('takes chains as they were made available, buffer by buffer', () => {
    const lab = new Lab(format);
    const { queue, driver, address } = lab;
    const id = driver.offer([
      { address: address + 10, length: 12 },
      { address: address + 100, length: 60 },
      { address: address + 4096, length: 2000, writes: true },
    ]);
    expect(queue.take()).toBe(false);
    driver.publish();
    expect(queue.take()).toBe(true);
    const { chain } = queue;
    expect(chain).toMatchObject({ id, count: 3, readable: 2, readableBytes: 72, writableBytes: 2000, mapped: true });
    expect([...chain.offsets.subarray(0, 3)]).toEqual([10, 100, 4096]);
    expect([...chain.lengths.subarray(0, 3)]).toEqual([12, 60, 2000]);
    expect(chain.regions[2].bytes.buffer).toBe(lab.bytes.buffer);
    expect(queue.take()).toBe(false);
    expect(lab.judge.violations).toEqual([]);
  });

  test('shows what was used when it is published, not before', () => {
    const { queue, driver, address } = new Lab(format);
    const first = driver.offer([{ address, length: 100, writes: true }]);
    const second = driver.offer([{ address, length: 50 }]);
    driver.publish();
    queue.take();
    queue.use(64);
    queue.take();
    queue.use(0);
    expect(driver.reap()).toEqual([]);
    expect(queue.publish()).toBe(true);
    expect(driver.reap()).toEqual([
      { id: first, length: 64 },
      { id: second, length: 0 },
    ]);
    expect(queue.publish()).toBe(false);
  });

  test('takes again what was taken since the mark', () => {
    const { queue, driver, address } = new Lab(format);
    const ids = [1, 2, 3].map((length) => driver.offer([{ address, length }]));
    driver.publish();
    queue.take();
    queue.use(0);
    queue.mark();
    queue.take();
    queue.use(0);
    queue.take();
    queue.rewind();
    expect(queue.take()).toBe(true);
    expect(queue.chain.id).toBe(ids[1]);
    queue.rewind();
    queue.publish();
    expect(driver.reap().map(({ id }) => id)).toEqual([ids[0]]);
    queue.take();
    expect(queue.chain.readableBytes).toBe(2);
  });

  test.each([1, 2, 4, 256, 32_768])('has %i descriptors, goes round, and its indices wrap', (size) => {
    const lab = new Lab(format, { size });
    const { queue, driver, address } = lab;
    const burst = Math.min(size, 1000);
    for (let served = 0; served < 70_000; served += burst) {
      for (let i = 0; i < burst; i++) driver.offer([{ address, length: 16, writes: true }]);
      driver.publish();
      expect(lab.serve(burst, 7)).toBe(burst);
      const returned = driver.reap();
      expect(returned.length).toBe(burst);
      expect(returned[burst - 1].length).toBe(7);
      if (size < 64) served += 68_000;
    }
    expect(lab.judge.violations).toEqual([]);
    expect(queue.usable).toBe(true);
  });

  test('interrupts unless the driver says no', () => {
    const lab = new Lab(format);
    const { driver, address } = lab;
    const flags = driver.interruptFlags;
    const burst = (): boolean => {
      driver.offer([{ address, length: 1 }]);
      driver.publish();
      lab.queue.take();
      lab.queue.use(0);
      const interrupt = lab.queue.publish();
      driver.reap();
      return interrupt;
    };
    expect(burst()).toBe(true);
    flags[0] = 1;
    expect(burst()).toBe(false);
    flags[0] = 0;
    expect(burst()).toBe(true);
    expect(lab.judge.violations).toEqual([]);
  });

  test('EVENT_IDX: interrupts when the buffer asked for is among those used', () => {
    const lab = new Lab(format, { features: ['EVENT_IDX'], size: 8 });
    const { driver, queue, address } = lab;
    const burst = (chains: number): boolean => {
      for (let i = 0; i < chains; i++) driver.offer([{ address, length: 1 }]);
      driver.publish();
      for (let i = 0; i < chains; i++) {
        queue.take();
        queue.use(0);
      }
      const interrupt = queue.publish();
      driver.reap();
      return interrupt;
    };
    for (let round = 0; round < 10; round++) {
      driver.wantInterruptAt(2);
      expect([burst(2), burst(1), burst(1)]).toEqual([false, true, false]);
      driver.wantInterruptAt(0);
      expect(burst(3)).toBe(true);
      driver.wantInterruptAt(NEVER);
      expect(burst(8)).toBe(false);
    }
    expect(lab.judge.violations).toEqual([]);
  });

  test('EVENT_IDX: interrupts for the buffer asked for wherever it lies in the ring', () => {
    const small = fc.nat(40);
    const property = fc.property(
      fc.integer({ min: 3, max: 8 }),
      small,
      small,
      fc.nat(8),
      (bits, before, event, burst) => {
        const size = format === 'split' ? 8 : bits;
        const lab = new Lab(format, { features: ['EVENT_IDX'], size });
        const { driver, queue, address } = lab;
        const serve = (chains: number): boolean => {
          for (let i = 0; i < chains; i++) driver.offer([{ address, length: 1 }]);
          driver.publish();
          for (let i = 0; i < chains && queue.take(); i++) queue.use(0);
          const interrupt = queue.publish();
          driver.reap();
          return interrupt;
        };
        for (let i = 0; i < before; i++) serve(1);
        const ahead = event % size;
        driver.wantInterruptAt(ahead);
        const chains = Math.min(burst, size);
        expect(serve(chains)).toBe(ahead < chains);
        // Asked for once, it comes once.
        if (ahead < chains) expect(serve(size - chains)).toBe(false);
      },
    );
    fc.assert(property, { numRuns: 300, seed: 5 });
  });

  test.each([[[]], [['EVENT_IDX' as const]]])(
    'wants notifications when it rests, not while it is polled (%s)',
    (features) => {
      const lab = new Lab(format, { features, size: 8 });
      const { driver, queue, address } = lab;
      const publish = (): boolean => {
        driver.offer([{ address, length: 1 }]);
        return driver.publish();
      };
      expect(publish()).toBe(true);
      expect(queue.wantKicks(false)).toBe(false);
      for (let i = 0; i < 70_000; i++) {
        if (publish()) expect.fail(`notified after ${i} buffers`);
        lab.serve();
        driver.reap();
      }
      expect(queue.wantKicks(true)).toBe(false);
      expect(publish()).toBe(true);
      // What is there before the device rests needs no notification: the device is told at once.
      expect(queue.wantKicks(true)).toBe(true);
      lab.serve();
      expect(queue.wantKicks(true)).toBe(false);
      expect(lab.judge.violations).toEqual([]);
    },
  );

  test('IN_ORDER: one element may stand for many, where the driver misses nothing', () => {
    const lab = new Lab(format, { features: ['IN_ORDER'], batchesUsed: true, size: 8 });
    const { driver, queue, address } = lab;
    for (let round = 0; round < 9; round++) {
      const ids = [0, 1, 2, 3, 4].map(() => driver.offer([{ address, length: 100, writes: true }]));
      driver.publish();
      for (const written of [100, 100, 60, 100, 100]) {
        queue.take();
        queue.use(written);
      }
      queue.publish();
      expect(driver.reap()).toEqual([
        { id: ids[0], length: -1 },
        { id: ids[1], length: -1 },
        { id: ids[2], length: 60 },
        { id: ids[3], length: -1 },
        { id: ids[4], length: 100 },
      ]);
    }
    expect(lab.judge.violations).toEqual([]);
  });

  test('what is there when the device says that it rests needs no notification', () => {
    const { queue, driver, address, timers, judge } = new Lab(format);
    queue.wantKicks(false);
    driver.offer([{ address, length: 1 }]);
    driver.publish();
    expect(queue.wantKicks(true)).toBe(true);
    queue.listen();
    timers.advanceTo(1e9);
    queue.listen();
    expect(judge.violations).toEqual([]);
  });

  test('stops when its memory is taken away', () => {
    const lab = new Lab(format);
    const { driver, queue, address } = lab;
    driver.offer([{ address, length: 1 }]);
    driver.publish();
    lab.domain.unmap(driver.memory);
    queue.listen();
    expect(queue.take()).toBe(false);
    expect([queue.usable, lab.broken, lab.rules, lab.context.dmaFaults]).toEqual([false, [3], ['queue.unmapped'], 1]);
    expect(queue.wantKicks(true)).toBe(false);
  });

  test('any sequence of chains comes back once each, in order, with its lengths', () => {
    const parts = fc.array(
      fc.record({ offset: fc.nat(60_000), length: fc.integer({ min: 1, max: 3000 }), writes: fc.boolean() }),
      { minLength: 1, maxLength: 6 },
    );
    const action = fc.oneof(
      fc.record({ kind: fc.constant('offer' as const), parts }),
      fc.record({ kind: fc.constant('serve' as const), budget: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('reap' as const) }),
    );
    const sizes = format === 'split' ? [1, 2, 8, 64] : [1, 3, 7, 8, 61];
    const property = fc.property(
      fc.constantFrom(...sizes),
      fc.subarray(['EVENT_IDX', 'IN_ORDER'] as const),
      fc.boolean(),
      fc.array(action, { maxLength: 120 }),
      (size, features, batchesUsed, actions) => {
        const lab = new Lab(format, { size, features, batchesUsed });
        const { driver, queue } = lab;
        const expected: { id: number; length: number }[] = [];
        const returned: { id: number; length: number }[] = [];
        const offered: Part[][] = [];
        for (const each of actions) {
          if (each.kind === 'offer') {
            if (each.parts.length > driver.free) continue;
            const ordered = each.parts
              .map(({ offset, length, writes }) => ({ address: lab.address + offset, length, writes }))
              .sort((a, b) => Number(a.writes) - Number(b.writes));
            const id = driver.offer(ordered);
            const length = ordered.filter(({ writes }) => writes).reduce((sum, part) => sum + part.length, 0);
            expected.push({ id, length });
            offered.push(ordered);
            driver.publish();
          } else if (each.kind === 'serve') {
            queue.listen();
            for (let i = 0; i < each.budget && queue.take(); i++) {
              const given = offered.shift() ?? [];
              const { count, offsets, lengths, writableBytes } = queue.chain;
              expect(count).toBe(given.length);
              given.forEach(({ address, length }, at) => {
                expect([offsets[at] + lab.address, lengths[at]]).toEqual([address, length]);
              });
              queue.use(writableBytes);
            }
            queue.publish();
          } else returned.push(...driver.reap());
        }
        lab.serve();
        returned.push(...driver.reap());
        // What was skipped was used completely: its length goes without saying.
        const spoken = returned.map(({ id, length }, i) => ({ id, length: length < 0 ? expected[i].length : length }));
        expect(spoken).toEqual(expected);
        expect(lab.judge.violations).toEqual([]);
        expect(lab.broken).toEqual([]);
      },
    );
    fc.assert(property, { numRuns: 300, seed: 42 });
  });
});

test('a used descriptor of a packed queue says whether anything was written', () => {
  const { queue, driver, address } = new Lab('packed');
  for (const writes of [true, false]) driver.offer([{ address, length: 8, writes }]);
  driver.publish();
  for (const written of [5, 0]) {
    queue.take();
    queue.use(written);
  }
  queue.publish();
  const written = [3, 7].map((word) => (driver.words[word] >>> 16) & PACKED_FLAG_WRITE);
  expect(written).toEqual([PACKED_FLAG_WRITE, 0]);
});
