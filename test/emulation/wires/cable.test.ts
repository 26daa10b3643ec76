import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cable } from '../../../src/emulation/wires/cable.ts';
import { CallbackWire } from '../../../src/emulation/wires/callback.ts';
import { wireStatistics } from '../../../src/emulation/wires/counters.ts';
import { LoopbackWire } from '../../../src/emulation/wires/loopback.ts';
import { NullWire } from '../../../src/emulation/wires/null-wire.ts';
import { Collector, deliver, drain, numberedFrame } from './frames.ts';

describe('Cable', () => {
  it('carries frames both ways, in order and unchanged', () => {
    const [a, b] = new Cable().ends;
    const sent = [60, 61, 1514, 9018].map((length, i) => numberedFrame(i, length));
    for (const frame of sent) expect(deliver(a, frame)).toBe(true);
    deliver(b, numberedFrame(7));
    expect(drain(b)).toEqual(sent);
    expect(drain(a)).toEqual([numberedFrame(7)]);
    expect(drain(a)).toEqual([]);
  });

  it('makes the sender wait when it is full, and loses nothing', () => {
    const [a, b] = new Cable({ frames: 8 }).ends;
    let taken = 0;
    while (deliver(a, numberedFrame(taken))) taken++;
    expect(taken).toBe(8);
    expect(drain(b).length).toBe(8);
    expect(deliver(a, numberedFrame(8))).toBe(true);
  });

  it('accounts for every frame, however it is plugged, pulled and polled', () => {
    const action = fc.constantFrom('send', 'send', 'send', 'poll', 'unplug', 'plug', 'pull far end', 'plug far end');
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const cable = new Cable({ frames: 8 });
        const [a, b] = cable.ends;
        const arrived = new Collector();
        let accepted = 0;
        for (const what of actions) {
          if (what === 'send' && deliver(a, numberedFrame(accepted))) accepted++;
          if (what === 'poll') b.poll(arrived, 3, 0);
          if (what === 'unplug') cable.unplug();
          if (what === 'plug') cable.plug();
          if (what === 'pull far end') b.unplug();
          if (what === 'plug far end') b.plug();
        }
        const sender = wireStatistics(a.counters).sent;
        const receiver = wireStatistics(b.counters).received;
        expect(sender.frames + sender.droppedUnplugged).toBe(accepted);
        expect(receiver.frames + receiver.droppedUnplugged + b.pending).toBe(sender.frames);
        expect(receiver.frames).toBe(arrived.frames.length);
        expect(arrived.numbers).toEqual([...arrived.numbers].sort((x, y) => x - y));
      }),
    );
  });

  it('is connected while both ends are plugged in', () => {
    const [a, b] = new Cable().ends;
    expect([a.connected, b.connected]).toEqual([true, true]);
    b.close();
    expect([a.connected, b.connected, a.plugged, b.plugged]).toEqual([false, false, true, false]);
    b.plug();
    expect(a.connected).toBe(true);
  });
});

describe('the simple wires', () => {
  it('a loopback gives back what it got', () => {
    const wire = new LoopbackWire({ frames: 4 });
    for (let i = 0; i < 4; i++) expect(deliver(wire, numberedFrame(i))).toBe(true);
    expect(deliver(wire, numberedFrame(4))).toBe(false);
    expect(drain(wire)).toEqual([0, 1, 2, 3].map((i) => numberedFrame(i)));
    const { sent, received } = wireStatistics(wire.counters);
    expect([sent.frames, sent.bytes, received.frames, received.bytes]).toEqual([4, 240, 4, 240]);
  });

  it('the null wire swallows and counts', () => {
    const wire = new NullWire();
    deliver(wire, numberedFrame(0, 100));
    expect(drain(wire)).toEqual([]);
    expect(wireStatistics(wire.counters).sent).toMatchObject({ frames: 1, bytes: 100 });
  });

  it('a callback wire calls, sends, and may refuse', () => {
    const collector = new Collector(1);
    const wire = new CallbackWire({ onFrame: collector.deliver });
    expect(deliver(wire, numberedFrame(1))).toBe(true);
    expect(deliver(wire, numberedFrame(2))).toBe(false);
    expect(collector.numbers).toEqual([1]);
    expect(wireStatistics(wire.counters).sent.frames).toBe(1);
    wire.send(numberedFrame(3));
    expect(wire.pending).toBe(1);
    expect(drain(wire)).toEqual([numberedFrame(3)]);
  });
});
