import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CaptureWire } from '../../../src/emulation/wires/capture.ts';
import { wireStatistics } from '../../../src/emulation/wires/counters.ts';
import { CaptureFileReader, CaptureFileWriter, PacketTemplate } from '../../../src/packets/index.ts';
import { haveTools, runTool } from '../../support/tools.ts';
import { Collector, deliver, drain, numberedFrame, numberOf } from './frames.ts';

const directory = mkdtempSync(join(tmpdir(), 'ixy-capture-'));
const path = (name: string) => join(directory, name);
const FRAMES = [60, 61, 1514, 9018, 42].map((length, i) => numberedFrame(i, length));
const GAP = 1_000_000; // nanoseconds between the frames of the capture

/** A capture of `FRAMES`, a millisecond apart, with the seconds changing on the way. */
function writeCapture(name: string): string {
  const writer = new CaptureFileWriter(path(name));
  for (const [i, frame] of FRAMES.entries()) {
    const time = 999_000_000 + i * GAP;
    writer.write(frame, 0, frame.length, 1000 + Math.floor(time / 1e9), time % 1e9);
  }
  writer.close();
  return path(name);
}

const padded = (frame: Uint8Array) => (frame.length < 60 ? Uint8Array.from({ length: 60 }, (_, i) => frame[i]) : frame);

let input = '';
beforeAll(() => {
  input = writeCapture('in.pcap');
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('CaptureWire, replaying', () => {
  it('sends the file as fast as it is taken, padded, once', () => {
    const wire = new CaptureWire({ input });
    const nic = new Collector(2);
    expect(wire.poll(nic, 100, 0)).toBe(2);
    nic.accept = 100;
    expect(wire.poll(nic, 2, 0)).toBe(2);
    expect(wireStatistics(wire.counters).ended).toBe(false);
    expect(wire.poll(nic, 100, 0)).toBe(1);
    expect(nic.frames).toEqual(FRAMES.map(padded));
    expect(wireStatistics(wire.counters)).toMatchObject({ ended: true, received: { frames: 5, bytes: 10_713 } });
    expect(drain(wire)).toEqual([]);
    expect(wire.connected).toBe(true);
    wire.close();
  });

  it('keeps the original timing, in every round', () => {
    const wire = new CaptureWire({ input, timing: 'original', loops: 2 });
    const arrivals: number[] = [];
    for (let now = 7_000_000; now < 20_000_000; now += 10_000) {
      for (let i = drain(wire, now).length; i > 0; i--) arrivals.push(now - 7_000_000);
    }
    // The second round begins when the first has ended.
    expect(arrivals).toEqual([0, 1, 2, 3, 4, 4, 5, 6, 7, 8].map((gaps) => gaps * GAP));
    expect(wireStatistics(wire.counters).ended).toBe(true);
  });

  it('keeps a rate', () => {
    const wire = new CaptureWire({ input, framesPerSecond: 1e6, loops: 0 });
    let frames = 0;
    for (let now = 0; now <= 10_000_000; now += 500) frames += drain(wire, now).length;
    expect(frames).toBe(10_001);
  });

  it('goes round as often as it is told', () => {
    const wire = new CaptureWire({ input, loops: 3 });
    expect(drain(wire).map(numberOf)).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    const forEver = new CaptureWire({ input, loops: 0 });
    expect(forEver.poll(new Collector(), 1234, 0)).toBe(1234);
    expect(wireStatistics(forEver.counters).ended).toBe(false);
  });

  it('ends at once when the file holds no frame, however often it shall be sent', () => {
    const empty = path('empty.pcap');
    new CaptureFileWriter(empty).close();
    for (const loops of [0, 1, 5]) {
      const wire = new CaptureWire({ input: empty, loops });
      expect(drain(wire)).toEqual([]);
      expect(wireStatistics(wire.counters).ended).toBe(true);
    }
  });

  it('says what is wrong with a file', () => {
    const cut = writeCapture('cut.pcap');
    truncateSync(cut, 200);
    const wire = new CaptureWire({ input: cut });
    expect(drain(wire).map(numberOf)).toEqual([0, 1]);
    expect(wireStatistics(wire.counters).ended).toBe(false);
    expect(() => drain(wire)).toThrow(expect.objectContaining({ code: 'ERR_BAD_FILE' }));
    expect(() => new CaptureWire({ input: path('none.pcap') })).toThrow(/cannot open .*none.pcap.*ENOENT/);
    expect(() => new CaptureWire({ input: '/dev/null' })).toThrow('expected a pcap or pcapng header');
    expect(() => new CaptureWire({ input, output: input })).toThrow('cannot be replayed and written at the same time');
    expect(() => new CaptureWire({})).toThrow('needs a file');
    expect(() => new CaptureWire({ input, timing: 'original', framesPerSecond: 5 })).toThrow('not both');
  });
});

describe('CaptureWire, writing', () => {
  it('writes what the NIC sends, stamped with the model’s time', () => {
    const output = path('out.pcap');
    const wire = new CaptureWire({ output });
    for (const [i, frame] of FRAMES.entries()) {
      wire.poll(new Collector(), 0, i * 700_000_000);
      expect(deliver(wire, frame)).toBe(true);
    }
    wire.close();
    const records = Array.from(new CaptureFileReader(output), ({ bytes, offset, length, seconds, nanoseconds }) => ({
      frame: bytes.slice(offset, offset + length),
      time: (seconds % 1e6) * 1e9 + nanoseconds,
    }));
    expect(records.map(({ frame }) => frame)).toEqual(FRAMES);
    expect(records.map(({ time }) => time - records[0].time)).toEqual([0, 1, 2, 3, 4].map((i) => i * 700_000_000));
    expect(wireStatistics(wire.counters).sent).toMatchObject({ frames: 5, bytes: 10_695 });
  });

  it('can be read while it grows', () => {
    const output = path('growing.pcap');
    const wire = new CaptureWire({ output });
    wire.poll(new Collector(), 0, 0);
    deliver(wire, FRAMES[0]);
    wire.poll(new Collector(), 0, 1e9);
    expect(Array.from(new CaptureFileReader(output)).length).toBe(1);
    wire.close();
  });

  it('drops and counts what the NIC sends if it only replays', () => {
    const wire = new CaptureWire({ input });
    expect(deliver(wire, FRAMES[0])).toBe(true);
    expect(wireStatistics(wire.counters).sent).toMatchObject({ frames: 0, droppedRefused: 1 });
  });

  it('both at once', () => {
    const output = path('both.pcapng');
    const wire = new CaptureWire({ input, output });
    for (const frame of drain(wire)) deliver(wire, frame);
    wire.close();
    const back = Array.from(new CaptureFileReader(output), ({ bytes, offset, length }) =>
      bytes.slice(offset, offset + length),
    );
    expect(back).toEqual(FRAMES.map(padded));
  });
});

describe.runIf(haveTools('tcpdump'))('against tcpdump', () => {
  const template = new PacketTemplate({
    size: 100,
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '10.0.0.1', destination: '10.0.0.2' },
    udp: { sourcePort: 1000, destinationPort: 2000 },
  });

  it('replays what tcpdump wrote, and writes what tcpdump reads', () => {
    const written = path('by-ixy.pcap');
    const first = new CaptureWire({ output: written });
    for (let i = 0; i < 20; i++) {
      template.bytes[60] = i;
      deliver(first, template.bytes);
    }
    first.close();

    const rewritten = path('by-tcpdump.pcap');
    runTool('tcpdump', '-r', written, '-w', rewritten);
    const copy = path('copy.pcap');
    const second = new CaptureWire({ input: rewritten, output: copy });
    const frames = drain(second);
    for (const frame of frames) deliver(second, frame);
    second.close();

    expect(frames.map((frame) => frame[60])).toEqual(Array.from({ length: 20 }, (_, i) => i));
    const dump = (file: string) => runTool('tcpdump', '-r', file, '-t', '-n', '-xx');
    expect(dump(copy)).toBe(dump(written));
    expect(dump(copy)).toContain('IP 10.0.0.1.1000 > 10.0.0.2.2000: UDP, length 58');
    expect(readFileSync(rewritten).readUInt32LE(0)).toBe(0xa1b2c3d4);
  });
});
