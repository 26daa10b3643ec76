import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { capture, PacketRecorder } from '../../src/apps/index.ts';
import { CaptureFileReader } from '../../src/packets/index.ts';
import { numberedFrame } from '../emulation/wires/frames.ts';
import { temporaryDirectory } from '../support/process.ts';
import { missing, softPort } from './soft-port.ts';

function read(path: string) {
  return Array.from(new CaptureFileReader(path), ({ bytes, offset, length, originalLength, seconds, nanoseconds }) => ({
    bytes: bytes.slice(offset, offset + length),
    originalLength,
    time: seconds * 1e9 + nanoseconds,
  }));
}

describe('capture', () => {
  it.each(['pcap', 'pcapng'])('records what a port receives to a %s file, until its end', async (format) => {
    const path = join(temporaryDirectory(), `out.${format}`);
    const { port, wire, end } = softPort('a');
    const frames = Array.from({ length: 150 }, (_, i) => numberedFrame(i, 60 + 37 * i)); // up to chains of three buffers
    for (const frame of frames) wire.send(frame);
    end();
    const before = Date.now() * 1e6;
    const recorder = new PacketRecorder(path);
    const summary = await capture(port, recorder);
    recorder.close();
    const after = (Date.now() + 1) * 1e6;
    expect(summary).toEqual({ received: 150, recorded: 150, dropped: 0 });
    const records = read(path);
    expect(records.map(({ bytes }) => bytes)).toEqual(frames);
    const times = records.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(before);
    expect(times[149]).toBeLessThanOrEqual(after);
    expect(new CaptureFileReader(path).next()).toBeDefined();
    expect(missing(port)).toBe(0);
  });

  it('ends at the count exactly', async () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    const { port, wire } = softPort('a');
    for (let i = 0; i < 100; i++) wire.send(numberedFrame(i));
    const recorder = new PacketRecorder(path);
    expect(await capture(port, recorder, { count: 70, batchSize: 32 })).toMatchObject({ received: 70, recorded: 70 });
    recorder.close();
    expect(read(path)).toHaveLength(70);
    expect(missing(port)).toBe(0);
  });

  it('keeps the first bytes of long packets only, if it is told to', async () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    const { port, wire } = softPort('a');
    const frame = numberedFrame(0, 5000);
    wire.send(frame);
    const recorder = new PacketRecorder(path, { snapLength: 100 });
    await capture(port, recorder, { count: 1 });
    recorder.close();
    expect(read(path)).toMatchObject([{ bytes: frame.slice(0, 100), originalLength: 5000 }]);
  });

  it('ends when it is told to', async () => {
    const { port } = softPort('a');
    const controller = new AbortController();
    const recorder = new PacketRecorder(join(temporaryDirectory(), 'out.pcap'));
    const loop = capture(port, recorder, { signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    expect(await loop).toEqual({ received: 0, recorded: 0, dropped: 0 });
    recorder.close();
  });
});
