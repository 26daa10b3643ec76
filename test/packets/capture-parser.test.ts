import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IxyError } from '../../src/errors.ts';
import { CaptureParser, PacketTemplate } from '../../src/packets/index.ts';
import { packet, parseCapture, pcapFile, pcapngFile, writeCapture } from './capture-support.ts';
import { ethernet, ipv4, ports, SEEDED } from './support.ts';

const frame = new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'hello' }).bytes;
const big = new PacketTemplate({ size: 1514, ethernet, ipv4, udp: ports }).bytes;

describe('CaptureParser', () => {
  const packets = [packet(frame), packet(big, 1, 2), packet(frame.subarray(0, 1), 3, 4000), packet(new Uint8Array(0))];
  const valid = [
    writeCapture(packets, { format: 'pcap' }),
    writeCapture(packets, { format: 'pcapng' }),
    pcapFile(packets, { little: false, magic: 0xa1b2c3d4 }),
    pcapFile([packet(frame.subarray(14))], { link: 101 }),
    pcapngFile(false, (file, body) => {
      file.block(1, body().u16(1, 0).u32(96).u16(9, 1).data([0x8a, 0, 0, 0]).u16(14, 8).u32(0, 1).u16(0, 0));
      file.block(99, body().u32(1, 2, 3, 4, 5));
      file.block(2, body().u16(0, 0).u32(1, 2, 60, 60).data(frame));
      file.block(3, body().u32(60).data(frame));
    }),
  ];

  it('comes out the same in whatever chunks it is pushed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.array(fc.nat(40), { maxLength: 100 }), (file, chunkSizes) => {
        expect(parseCapture(file, chunkSizes)).toEqual(parseCapture(file));
      }),
      SEEDED,
    );
  });

  it('never makes the parser hang or fail otherwise than by ERR_BAD_FILE, however damaged', () => {
    const change = fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 4, 0x7f, 0x80, 0xff), fc.nat(255)));
    let failures = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...valid),
        fc.array(change, { maxLength: 8 }),
        fc.nat(),
        fc.array(fc.nat(200), { maxLength: 5 }),
        (original, changes, cut, chunkSizes) => {
          const file = original.slice(0, cut % 3 === 0 ? cut % original.length : original.length);
          // Mostly within the first 200 bytes, where headers and lengths are.
          for (const [at, value] of changes) file[at % Math.min(200, Math.max(file.length, 1))] = value;
          try {
            const found = parseCapture(file, chunkSizes);
            expect(found.length).toBeLessThanOrEqual(file.length / 12);
          } catch (error) {
            failures++;
            expect(error).toBeInstanceOf(IxyError);
            expect(error).toMatchObject({ code: 'ERR_BAD_FILE', message: expect.stringMatching(/^test: byte \d+: /) });
          }
        },
      ),
      { ...SEEDED, numRuns: 5000 },
    );
    expect(failures).toBeGreaterThan(1000);
  });

  it('is not held in memory: neither unread blocks of any length nor packets that were taken', () => {
    const parser = new CaptureParser();
    const chunk = new Uint8Array(2 ** 16);
    const before = process.memoryUsage().arrayBuffers;
    parser.push(pcapngFile(true, (file) => file.u32(77, 0xffff_fff0)));
    for (let pushed = 0; pushed < 2 ** 26; pushed += chunk.length) {
      parser.push(chunk);
      expect(parser.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 21);
  });
});
