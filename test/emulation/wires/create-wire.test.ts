import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  CableRegistry,
  createWire,
  sharedWireCounters,
  type WireSpec,
  wireCounters,
  wireStatistics,
} from '../../../src/emulation/wires/index.ts';
import { Collector, deliver, drain, numberedFrame } from './frames.ts';

const SPECS: readonly WireSpec[] = [
  { kind: 'null' },
  { kind: 'loopback', frames: 16 },
  { kind: 'generator', size: 128, framesPerSecond: 1000 },
  { kind: 'cable', name: 'a', speed: 1000, flowControl: true },
  { kind: 'null', impairments: { bitsPerSecond: 1e9, loss: 0.1 } },
];

describe('createWire', () => {
  it.each(SPECS)('makes $kind from a description that was posted to a thread', (spec) => {
    const counters = sharedWireCounters();
    const wire = createWire(structuredClone({ ...spec, counters }), new CableRegistry());
    expect(wire.flowControl).toBe(spec.flowControl ?? false);
    wire.poll(new Collector(), 1, 0);
    deliver(wire, numberedFrame(1));
    wire.poll(new Collector(), 1, 1e6);
    const { sent, received } = wireStatistics(wireCounters(counters));
    expect(sent.frames + sent.droppedUnplugged + sent.lost + received.frames).toBeGreaterThan(0);
    wire.close();
  });

  it('connects the two ends of a cable, in the order in which they are asked for', () => {
    const cables = new CableRegistry();
    const cable: WireSpec = { kind: 'cable', name: 'x' };
    const left = createWire(cable, cables);
    expect(left.connected).toBe(false);
    const right = createWire(cable, cables);
    expect(left.connected).toBe(true);
    deliver(left, numberedFrame(1));
    expect(drain(right)).toEqual([numberedFrame(1)]);
    expect(() => createWire(cable, cables)).toThrow('both ends of cable x are plugged in already');
    right.close();
    expect(left.connected).toBe(false);
    const again = createWire(cable, cables);
    deliver(again, numberedFrame(2));
    expect(drain(left)).toEqual([numberedFrame(2)]);
  });

  it('leaves no cable plugged in when its impairments are refused', () => {
    const cables = new CableRegistry();
    const bad: WireSpec = { kind: 'cable', name: 'x', impairments: { loss: 2 } };
    for (let i = 0; i < 3; i++) expect(() => createWire(bad, cables)).toThrow('loss must be from 0 to 1');
  });

  it('counts where another thread can read', async () => {
    const counters = sharedWireCounters();
    const wire = createWire({ kind: 'null', counters }, new CableRegistry());
    for (let i = 0; i < 10; i++) deliver(wire, numberedFrame(i, 100));
    const reader = new Worker(
      "const { parentPort, workerData } = require('node:worker_threads'); parentPort.postMessage([...new Float64Array(workerData)]);",
      { eval: true, workerData: counters },
    );
    const seen = await new Promise<number[]>((resolve) => reader.once('message', resolve));
    expect(seen.slice(0, 2)).toEqual([10, 1000]);
    await reader.terminate();
  });
});
