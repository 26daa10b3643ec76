import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameCopier } from '../../../src/emulation/wires/frame-copier.ts';
import { FrameRing } from '../../../src/emulation/wires/frame-ring.ts';
import { Collector, numberedFrame } from './frames.ts';

describe('FrameCopier', () => {
  it('copies any range at any alignment, and nothing beside it', () => {
    const range = fc.tuple(fc.nat(7), fc.nat(20), fc.nat(20), fc.nat(100));
    fc.assert(
      fc.property(range, ([begin, from, to, length]) => {
        const source = new Uint8Array(new ArrayBuffer(256), begin, 140);
        for (let i = 0; i < source.length; i++) source[i] = i + 1;
        const target = new Uint8Array(160);
        new FrameCopier(target).copy(source, from, to, length);
        const expected = new Uint8Array(160);
        expected.set(source.subarray(from, from + length), to);
        expect(target).toEqual(expected);
      }),
    );
  });

  it('takes frames from many sources in turn', () => {
    const target = new Uint8Array(64);
    const copier = new FrameCopier(target);
    const sources = [1, 2, 3].map((value) => new Uint8Array(64).fill(value));
    for (const source of [...sources, ...sources]) {
      copier.copy(source, 0, 0, 64);
      expect(target).toEqual(source);
    }
  });
});

describe('FrameRing', () => {
  it('gives back what was put in, in order, under any mixture of pushes and drains', () => {
    const step = fc.oneof(fc.integer({ min: 1, max: 12_000 }), fc.integer({ min: -6, max: -1 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new FrameRing({ frames: 16, bytes: 1 << 16 });
        const model: Uint8Array[] = [];
        let next = 0;
        for (const value of steps) {
          if (value > 0) {
            const frame = numberedFrame(next++, value + 3);
            const fits = ring.fits(frame.length);
            expect(ring.push(frame, 0, frame.length)).toBe(fits);
            if (fits) model.push(frame);
          } else {
            const collector = new Collector();
            expect(ring.drain(collector, -value, 0)).toBe(Math.min(-value, model.length));
            expect(collector.frames).toEqual(model.splice(0, -value));
          }
          expect(ring.length).toBe(model.length);
        }
      }),
    );
  });

  it('is bounded in frames and in bytes', () => {
    const byFrames = new FrameRing({ frames: 4 });
    for (let i = 0; i < 4; i++) expect(byFrames.push(numberedFrame(i), 0, 60)).toBe(true);
    expect(byFrames.push(numberedFrame(4), 0, 60)).toBe(false);

    const byBytes = new FrameRing({ frames: 1024, bytes: 1 << 16 });
    let pushed = 0;
    while (byBytes.push(numberedFrame(pushed, 1024), 0, 1024)) pushed++;
    expect(pushed).toBe(64);
    byBytes.drain(new Collector(), 1, 0);
    expect(byBytes.push(numberedFrame(64, 1024), 0, 1024)).toBe(true);
  });

  it('keeps what the sink refuses and what is not due', () => {
    const ring = new FrameRing();
    for (let i = 0; i < 4; i++) {
      ring.push(numberedFrame(i), 0, 60);
      ring.delayLast(i * 100);
    }
    const collector = new Collector(1);
    expect(ring.drain(collector, 10, 250)).toBe(1);
    collector.accept = 10;
    expect(ring.drain(collector, 10, 250)).toBe(2);
    expect(ring.drain(collector, 10, 300)).toBe(1);
    expect(collector.numbers).toEqual([0, 1, 2, 3]);
    expect(ring.drainedBytes).toBe(240);
  });
});
