import { describe, expect, it } from 'vitest';
import { wireStatistics } from '../../../src/emulation/wires/counters.ts';
import { GeneratorWire } from '../../../src/emulation/wires/generator.ts';
import { Pacer } from '../../../src/emulation/wires/pacer.ts';
import { SequenceView } from '../../../src/packets/sequence.ts';
import { PacketStack } from '../../../src/packets/stack.ts';
import { checksumsValid } from '../../../src/packets/verify.ts';
import { Collector, deliver } from './frames.ts';

const stack = new PacketStack();
const sequenceOf = (frame: Uint8Array) =>
  new SequenceView().at(frame, stack.parse(frame, 0, frame.length).payload).sequence;

describe('GeneratorWire', () => {
  it('sends valid, numbered UDP frames of 60 bytes', () => {
    const wire = new GeneratorWire({ destinationMac: '02:00:00:00:00:01' });
    const nic = new Collector();
    expect(wire.poll(nic, 1000, 0)).toBe(1000);
    for (const [i, frame] of nic.frames.entries()) {
      expect(frame.length).toBe(60);
      expect(sequenceOf(frame)).toBe(i);
      expect(checksumsValid(frame, stack.parse(frame, 0, 60))).toBe(true);
    }
    expect([...nic.frames[0].subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 1]);
  });

  it('sends a refused frame again, and each number once', () => {
    const wire = new GeneratorWire({ count: 10 });
    const nic = new Collector(3);
    expect(wire.poll(nic, 100, 0)).toBe(3);
    expect(wireStatistics(wire.counters).ended).toBe(false);
    nic.accept = 100;
    expect(wire.poll(nic, 100, 0)).toBe(7);
    expect(nic.frames.map(sequenceOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(wire.poll(nic, 100, 0)).toBe(0);
    expect(wireStatistics(wire.counters)).toMatchObject({ ended: true, received: { frames: 10, bytes: 600 } });
  });

  it('ends after its duration, counted from the first frame', () => {
    const wire = new GeneratorWire({ duration: 1000 });
    const nic = new Collector();
    expect([5000, 5999].map((now) => wire.poll(nic, 10, now))).toEqual([10, 10]);
    expect(wireStatistics(wire.counters).ended).toBe(false);
    expect(wire.poll(nic, 10, 6000)).toBe(0);
    expect(wireStatistics(wire.counters)).toMatchObject({ ended: true, received: { frames: 20 } });
  });

  it('waits for a frame if told so, and does not judge that one', () => {
    const wire = new GeneratorWire({ start: 'frame', duration: 1000 });
    const nic = new Collector();
    expect(wire.poll(nic, 10, 0)).toBe(0);
    deliver(wire, new Uint8Array(60));
    expect([5000, 5999, 6000].map((now) => wire.poll(nic, 10, now))).toEqual([10, 10, 0]);
    deliver(wire, new Uint8Array(60));
    expect(wireStatistics(wire.counters)).toMatchObject({ sent: { frames: 2 }, check: { foreign: 1 } });
  });

  it('finds what was lost, repeated, swapped and damaged on the way back', () => {
    const wire = new GeneratorWire({ size: 128 });
    const frames = take(wire, 10);
    const damaged = frames[7].slice();
    damaged[100] ^= 1;
    for (const frame of [frames[0], frames[1], frames[1], frames[3], frames[2], frames[6], damaged, frames[8]]) {
      deliver(wire, frame);
    }
    deliver(wire, new Uint8Array(60));
    expect(wireStatistics(wire.counters).check).toEqual({
      unique: 6,
      lost: 3,
      duplicated: 1,
      reordered: 1,
      corrupted: 1,
      foreign: 1,
    });
    expect(wireStatistics(wire.counters).sent.frames).toBe(9);
  });

  it('only counts if told so', () => {
    const wire = new GeneratorWire({ check: false });
    deliver(wire, new Uint8Array(60));
    expect(wireStatistics(wire.counters)).toMatchObject({ sent: { frames: 1 }, check: { foreign: 0 } });
  });

  it('keeps its rate in the model’s time', () => {
    const wire = new GeneratorWire({ framesPerSecond: 1e6 });
    const nic = new Collector();
    for (let now = 5_000_000; now <= 15_000_000; now += 333) wire.poll(nic, 1000, now);
    expect(Math.abs(nic.frames.length - 10_000)).toBeLessThanOrEqual(1);
  });

  it('refuses a packet that cannot bear a number', () => {
    const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
    expect(() => new GeneratorWire({ packet: { ethernet, payload: 'x' } })).toThrow('sequence number');
  });
});

describe('Pacer', () => {
  it('lets nothing out before its time, and makes up for a short stall only', () => {
    const pacer = new Pacer(1e6);
    expect(pacer.allowance(0)).toBe(1);
    pacer.spend(1);
    expect(pacer.allowance(999)).toBe(0);
    expect(pacer.allowance(500_000)).toBe(500);
    expect(pacer.allowance(60_000_000)).toBe(1);
  });

  it('keeps rates of less than a frame per millisecond', () => {
    const pacer = new Pacer(10);
    let sent = 0;
    for (let now = 0; now <= 1e9; now += 7e6) {
      const frames = pacer.allowance(now);
      pacer.spend(frames);
      sent += frames;
    }
    expect(sent).toBeGreaterThanOrEqual(10);
    expect(sent).toBeLessThanOrEqual(11);
  });
});

function take(wire: GeneratorWire, count: number): Uint8Array[] {
  const nic = new Collector();
  wire.poll(nic, count, 0);
  return nic.frames;
}
