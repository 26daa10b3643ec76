import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallbackWire } from '../../../src/emulation/wires/callback.ts';
import { wireStatistics } from '../../../src/emulation/wires/counters.ts';
import { type Impairments, impair } from '../../../src/emulation/wires/impairments.ts';
import { Random } from '../../../src/emulation/wires/random.ts';
import { Collector, deliver, numberedFrame, numberOf } from './frames.ts';

/** Sends `count` frames through the line, one a microsecond, and returns what came out at the far end. */
function sendThrough(impairments: Impairments, count: number, length = 60) {
  const far = new Collector();
  const wire = impair(new CallbackWire({ onFrame: far.deliver }), { direction: 'sent', ...impairments });
  let now = 0;
  for (let i = 0; i < count; i++, now += 1000) {
    while (!deliver(wire, numberedFrame(i, length))) {
      now += 1000;
      wire.poll(far, 0, now);
    }
    wire.poll(far, 0, now);
  }
  wire.close();
  return { far, statistics: wireStatistics(wire.counters).sent };
}

const ascending = (numbers: number[]) => [...numbers].sort((a, b) => a - b);

describe('impair', () => {
  it('gives back the end itself when there is nothing to impair', () => {
    const end = new CallbackWire();
    expect(impair(end, {})).toBe(end);
    expect(impair(end, { loss: 0, delay: 0, seed: 3 })).toBe(end);
  });

  it('refuses what cannot be', () => {
    expect(() => impair(new CallbackWire(), { loss: 1.5 })).toThrow('loss must be from 0 to 1, found 1.5');
    expect(() => impair(new CallbackWire(), { delay: -1 })).toThrow('delay must be');
    expect(() => impair(new CallbackWire(), { reorder: 0.1, reorderBy: 0 })).toThrow('reorderBy must be');
  });

  it('loses, repeats and damages at the rate asked for, and accounts for each frame', () => {
    const count = 20_000;
    const accidents = fc.record({
      loss: fc.constantFrom(0, 0.001, 0.05, 0.5, 1),
      duplicate: fc.constantFrom(0, 0.02, 0.5),
      corrupt: fc.constantFrom(0, 0.02, 1),
      reorder: fc.constantFrom(0, 0.01, 0.3),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(accidents, (impairments) => {
        const { far, statistics } = sendThrough(impairments, count);
        const passed = count - statistics.lost;
        expect(far.frames.length).toBe(passed + statistics.duplicated);
        expectRate(statistics.lost, count, impairments.loss);
        expectRate(statistics.duplicated, passed, impairments.duplicate);
        expectRate(statistics.corrupted, passed, impairments.corrupt);
        const intact = far.frames.filter((frame) => Buffer.compare(frame, numberedFrame(numberOf(frame))) === 0);
        expect(far.frames.length - intact.length).toBe(statistics.corrupted);
        if (impairments.reorder === 0) {
          expect(intact.map(numberOf)).toEqual(ascending(intact.map(numberOf)));
          expect(statistics.reordered).toBe(0);
        }
      }),
      { numRuns: 30, seed: 82599 },
    );
  });

  it('lets exactly reorderBy frames overtake', () => {
    const { far, statistics } = sendThrough({ reorder: 0.1, reorderBy: 2, seed: 5 }, 1000);
    expect(ascending(far.numbers)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const displaced = far.numbers.filter((number, i) => number < (far.numbers[i - 1] ?? -1));
    expect(displaced.length).toBe(statistics.reordered);
    expect(statistics.reordered).toBeGreaterThan(50);
    for (const number of displaced) expect(far.numbers.indexOf(number)).toBe(number + 2);
  });

  it('does not hold back a frame for ever that nobody overtakes', () => {
    const far = new Collector();
    const wire = impair(new CallbackWire({ onFrame: far.deliver }), { reorder: 1 });
    deliver(wire, numberedFrame(1));
    wire.poll(far, 0, 10);
    expect(far.numbers).toEqual([]);
    wire.poll(far, 0, 2_000_000);
    expect(far.numbers).toEqual([1]);
  });

  it('does the same again with the same seed, and something else with another', () => {
    const bad = { loss: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1, jitter: 5000 };
    const run = (seed: number) => sendThrough({ ...bad, seed }, 2000).far.frames;
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('keeps the order under jitter, and delays by delay to delay + jitter', () => {
    const arrivals: number[] = [];
    let now = 0;
    const end = new CallbackWire({ onFrame: () => arrivals.push(now) > 0 });
    const wire = impair(end, { delay: 50_000, jitter: 20_000 });
    for (let i = 0; i < 100; i++) {
      now = i * 100_000;
      wire.poll(new Collector(), 0, now);
      deliver(wire, numberedFrame(i));
      for (const end = now + 99_000; now < end; now += 100) wire.poll(new Collector(), 0, now);
    }
    const delays = arrivals.map((time, i) => time - i * 100_000);
    expect(arrivals.length).toBe(100);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(50_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(70_100);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(10_000);
  });

  it.each([
    { what: '10 Gbit/s of 60 bytes', impairments: { bitsPerSecond: 10e9 }, length: 60, perSecond: 14_880_952 },
    { what: '10 Gbit/s of 1514 bytes', impairments: { bitsPerSecond: 10e9 }, length: 1514, perSecond: 812_743 },
    { what: '1000 frames a second', impairments: { framesPerSecond: 1000 }, length: 60, perSecond: 1000 },
    {
      what: 'the slower of both',
      impairments: { framesPerSecond: 2e6, bitsPerSecond: 1e9 },
      length: 60,
      perSecond: 1_488_095,
    },
  ])('keeps the rate exactly: $what', ({ impairments, length, perSecond }) => {
    const far = new Collector();
    let arrived = 0;
    const end = new CallbackWire({ onFrame: () => ++arrived > 0 });
    const wire = impair(end, { direction: 'sent', ...impairments });
    const frame = numberedFrame(0, length);
    // As long as 1000 frames take, in steps of a thousandth of it; the sender always has more.
    const span = 1000 * (1e9 / perSecond);
    for (let step = 0; step <= 1000; step++) {
      wire.poll(far, 0, (span * step) / 1000);
      while (deliver(wire, frame));
    }
    expect(Math.abs(arrived - 1000)).toBeLessThanOrEqual(1);
  });

  it('bounds what is in flight: the sender waits', () => {
    const wire = impair(new CallbackWire(), { delay: 1e9, frames: 16 });
    let taken = 0;
    while (deliver(wire, numberedFrame(taken))) taken++;
    expect(taken).toBe(16);
  });

  it('impairs the way to the NIC too, and separately', () => {
    const end = new CallbackWire({ frames: 4096 });
    const wire = impair(end, { loss: 0.5, delay: 1000, direction: 'received' });
    for (let i = 0; i < 2000; i++) end.send(numberedFrame(i));
    const nic = new Collector();
    wire.poll(nic, 4096, 0);
    expect(nic.frames.length).toBe(0);
    wire.poll(nic, 4096, 1000);
    const { sent, received } = wireStatistics(wire.counters);
    expect(nic.frames.length).toBe(2000 - received.lost);
    expectRate(received.lost, 2000, 0.5);
    expect(sent.lost).toBe(0);
  });
});

describe('Random', () => {
  it('is spread evenly for any seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (seed) => {
        const random = new Random(seed);
        const bins = new Array(16).fill(0);
        for (let i = 0; i < 16_000; i++) bins[random.below(16)]++;
        for (const bin of bins) expectRate(bin, 16_000, 1 / 16);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

/** Within six standard deviations of a binomial distribution: a wrong rate fails, chance does not. */
function expectRate(found: number, trials: number, probability: number): void {
  const slack = 6 * Math.sqrt(trials * probability * (1 - probability));
  expect(Math.abs(found - trials * probability)).toBeLessThanOrEqual(slack);
}
