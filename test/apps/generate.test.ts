import { describe, expect, it } from 'vitest';
import { Generator, generate } from '../../src/apps/index.ts';
import { type PacketDescription, PacketTemplate, SequenceChecker } from '../../src/packets/index.ts';
import { missing, softPort } from './soft-port.ts';

const packet: PacketDescription = {
  size: 64,
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '10.0.0.1', destination: '10.1.0.1' },
  udp: { sourcePort: 1000, destinationPort: 2000 },
};

function checked(frames: readonly Uint8Array[], template: PacketTemplate): SequenceChecker {
  const checker = new SequenceChecker({ template });
  for (const frame of frames) checker.check(frame, 0, frame.length);
  return checker;
}

describe('generate', () => {
  it('sends the count, numbered, in order and with valid checksums', async () => {
    const { port, sent } = softPort('a');
    const template = new PacketTemplate(packet);
    const summary = await generate(port, { template, count: 10_000 });
    expect(summary).toEqual({ packets: 10_000, bytes: 640_000 });
    expect(checked(sent.frames, template)).toMatchObject({ unique: 10_000, lost: 0, corrupted: 0, reordered: 0 });
    expect(port.statistics()).toMatchObject({ txPackets: 10_000, txBytes: 640_000 });
    expect(missing(port)).toBe(0);
  });

  it('loses no number to a port that refuses', async () => {
    const { port, sent } = softPort('a', { accept: 5 });
    const template = new PacketTemplate(packet);
    const generator = new Generator(port, { template, count: 100, batchSize: 8 });
    const steps: number[] = [];
    for (let i = 0; i < 3; i++) steps.push(generator.step());
    expect(steps).toEqual([5, 0, 0]);
    sent.accept = 1000;
    while (generator.step() >= 0);
    expect(generator.packets).toBe(100);
    expect(checked(sent.frames, template)).toMatchObject({ unique: 100, lost: 0, reordered: 0 });
    generator.close();
  });

  it('keeps the rate exactly, in the time that it is given', () => {
    const { port, sent } = softPort('a');
    let now = 0;
    const template = new PacketTemplate(packet);
    const generator = new Generator(port, { template, rate: { framesPerSecond: 12_345 }, now: () => now });
    for (; now <= 1000; now += 0.5) generator.step();
    generator.close();
    expect(sent.frames).toHaveLength(12_345);
  });

  it('counts bits as they are on the wire', () => {
    const { port, sent } = softPort('a');
    let now = 0;
    const template = new PacketTemplate({ ...packet, size: 1514 });
    const generator = new Generator(port, { template, rate: { bitsPerSecond: 100e6 }, now: () => now });
    for (; now <= 100; now++) generator.step();
    generator.close();
    expect(sent.frames).toHaveLength(Math.floor(10e6 / (8 * 1538)));
  });

  it('sends packets longer than a buffer as chains, and again what was sent', async () => {
    const { port, sent } = softPort('a');
    const template = new PacketTemplate({
      ...packet,
      size: 9000,
      payload: Uint8Array.from({ length: 8000 }, (_, i) => i),
    });
    const summary = await generate(port, { template, count: 3000 });
    expect(summary).toEqual({ packets: 3000, bytes: 27_000_000 });
    expect(checked(sent.frames, template)).toMatchObject({ unique: 3000, lost: 0, corrupted: 0, reordered: 0 });
  });

  it('varies fields over ranges', async () => {
    const { port, sent } = softPort('a');
    const template = new PacketTemplate(packet);
    const fields = { sourcePort: { first: 1, last: 3 }, sequence: true };
    await generate(port, { template, count: 7, fields });
    expect(sent.frames.map((frame) => frame[35])).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect(checked(sent.frames, template)).toMatchObject({ unique: 7, corrupted: 0 });
  });

  it('ends when it is told to', async () => {
    const { port, sent } = softPort('a');
    const controller = new AbortController();
    const loop = generate(port, { template: new PacketTemplate(packet), signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    const { packets } = await loop;
    expect(sent.frames).toHaveLength(packets);
  });

  it('refuses what it cannot send', async () => {
    const { port } = softPort('a');
    const large = new PacketTemplate({ ...packet, size: 9600 });
    await expect(generate(port, { template: large })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    const template = new PacketTemplate(packet);
    await expect(generate(port, { template, count: -1 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(generate(port, { template, batchSize: 0 })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});
