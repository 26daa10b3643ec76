import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CaptureParser, PacketTemplate } from '../../src/packets/index.ts';
import { type Builder, packet, parseCapture, pcapngFile, SECTION } from './capture-support.ts';
import { ethernet, expectError, hex, ipv4, ports, SEEDED } from './support.ts';

const frame = new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'hello' }).bytes;
const big = new PacketTemplate({ size: 1514, ethernet, ipv4, udp: ports }).bytes;

describe('pcapng', () => {
  const time = [0x0006_0a24, 0x181e_4000]; // 1,700,000,000 s in microseconds
  const ended = (body: Builder) => body.u16(0, 0);

  function withInterfaces(little: boolean, fill: (file: Builder, body: () => Builder) => void): Uint8Array {
    return pcapngFile(little, (file, body) => {
      file.block(1, body().u16(1, 0).u32(0));
      file.block(1, ended(body().u16(1, 0).u32(96).u16(9, 1).data([9, 0, 0, 0])));
      fill(file, body);
    });
  }

  it.each([true, false])('reads all packet blocks and passes over the others, little-endian: %s', (little) => {
    const file = withInterfaces(little, (blocks, body) => {
      blocks.block(
        6,
        ended(
          body()
            .u32(0, ...time, 60, 60)
            .data(frame)
            .u16(1, 4)
            .data([65, 66, 67, 68]),
        ),
      );
      blocks.block(5, body().u32(0, 0, 0)); // interface statistics
      blocks.block(0x0bad, body().data(new Uint8Array(2000)));
      blocks.block(2, body().u16(1, 7).u32(0x1797_9cfe, 0x362a_0000, 6, 1514).data(big.subarray(0, 6)));
      blocks.block(3, body().u32(60).data(frame));
      blocks.block(4, body().u16(0, 0));
    });
    expect(parseCapture(file)).toEqual([
      packet(frame, 1_700_000_000, 0),
      { ...packet(big.subarray(0, 6), 1_700_000_000, 0), originalLength: 1514 },
      packet(frame, 0, 0),
    ]);
  });

  it('cuts simple packets at the snap length of the first interface', () => {
    const file = pcapngFile(true, (blocks, body) => {
      blocks.block(1, body().u16(1, 0).u32(96));
      blocks.block(3, body().u32(1514).data(big.subarray(0, 96)));
      blocks.block(3, body().u32(13).data(big.subarray(0, 13)));
    });
    expect(parseCapture(file)).toEqual([
      { ...packet(big.subarray(0, 96), 0, 0), originalLength: 1514 },
      packet(big.subarray(0, 13), 0, 0),
    ]);
  });

  it('begins again with each section: byte order and interfaces', () => {
    const sections = [true, false, true].flatMap((little, i) => [
      ...pcapngFile(little, (file, body) => {
        file.block(
          1,
          ended(
            body()
              .u16(1, 0)
              .u32(0)
              .u16(9, 1)
              .data([i * 3, 0, 0, 0]),
          ),
        );
        file.block(6, body().u32(0, 0, 1000, 60, 60).data(frame));
      }),
    ]);
    expect(parseCapture(Uint8Array.from(sections))).toEqual([
      packet(frame, 1000, 0),
      packet(frame, 1, 0),
      packet(frame, 0, 1_000_000),
    ]);
  });

  it('reads the time of any resolution and offset exactly', () => {
    const resolution = fc.oneof(
      fc.nat(18),
      fc.nat(63).map((power) => power | 0x80),
    );
    const offset = fc.integer({ min: -(2 ** 33), max: 2 ** 33 });
    fc.assert(
      fc.property(resolution, offset, fc.bigInt(0n, 2n ** 64n - 1n), fc.boolean(), (power, shift, units, little) => {
        const perSecond = power & 0x80 ? 2n ** BigInt(power & 0x7f) : 10n ** BigInt(power);
        fc.pre(units / perSecond < 2n ** 52n);
        const shiftWords = [Number((BigInt(shift) >> 32n) & 0xffff_ffffn), shift >>> 0];
        const file = pcapngFile(little, (blocks, body) => {
          const description = body().u16(1, 0).u32(0).u16(9, 1).data([power, 0, 0, 0]).u16(14, 8);
          blocks.block(1, ended(description.u32(...(little ? shiftWords.reverse() : shiftWords))));
          blocks.block(
            6,
            body()
              .u32(0, Number(units >> 32n), Number(units & 0xffff_ffffn), 60, 60)
              .data(frame),
          );
        });
        const [found] = parseCapture(file);
        expect(found.seconds).toBe(Number(units / perSecond) + shift);
        expect(found.nanoseconds).toBe(Number(((units % perSecond) * 1_000_000_000n) / perSecond));
      }),
      { ...SEEDED, numRuns: 1000 },
    );
  });

  it('says which interface a packet came from, and gives raw IP an Ethernet header', () => {
    const file = pcapngFile(true, (blocks, body) => {
      blocks.block(1, body().u16(113, 0).u32(0)); // Linux cooked, but without packets
      blocks.block(1, body().u16(101, 0).u32(0));
      blocks.block(
        6,
        body()
          .u32(1, ...time, 46, 46)
          .data(frame.subarray(14)),
      );
    });
    const parser = new CaptureParser();
    parser.push(file);
    const record = parser.next();
    expect(record).toMatchObject({ interfaceIndex: 1, length: 60, originalLength: 60 });
    expect(parser.format).toBe('pcapng');
  });

  it('puts an Ethernet header in front of the first simple packet, too', () => {
    const file = pcapngFile(true, (blocks, body) => {
      blocks.block(1, body().u16(101, 0).u32(0));
      blocks.block(3, body().u32(46).data(frame.subarray(14)));
    });
    // Each block in a chunk of its own, so that the packet's lies at the very front of the parser's buffer.
    const [only] = parseCapture(file, [28, 20]);
    expect(hex(only.data.subarray(12))).toBe(hex(frame.subarray(12)));
  });

  const described = (fill: (file: Builder, body: () => Builder) => void) => withInterfaces(true, fill);
  it.each([
    ['block shorter than a block', described((file) => file.u32(77, 8, 8)), /byte 80: a block of type 77 has 8 bytes/],
    ['odd length', described((file) => file.u32(77, 13, 0, 13)), /13 bytes; expected a multiple of 4 from 12/],
    [
      'closing length differs',
      described((file) => file.u32(77, 16, 0, 12)),
      /byte 92: .* length 16 and ends with length 12/,
    ],
    ['packet block too short', described((file) => file.u32(6, 28).data(Array(20).fill(0)).u32(28)), /from 32 on/],
    [
      'packet exceeds its block',
      described((file, body) => file.block(6, body().u32(0, 0, 0, 61, 61).data(frame))),
      /61 bytes exceeds its block of 92/,
    ],
    [
      'simple packet exceeds its block',
      described((file, body) => file.block(3, body().u32(61).data(frame))),
      /61 bytes exceeds/,
    ],
    [
      'captured more than there was',
      described((file, body) => file.block(6, body().u32(0, 0, 0, 60, 59).data(frame))),
      /only 59/,
    ],
    [
      'no such interface',
      described((file, body) => file.block(6, body().u32(2, 0, 0, 60, 60).data(frame))),
      /interface 2, of which there are 2/,
    ],
    ['huge block', described((file) => file.u32(6, 0xffff_fffc, 0)), /4294967292 bytes, more than the limit of 524288/],
    [
      'option exceeds its block',
      pcapngFile(true, (file, body) => file.block(1, body().u16(1, 0).u32(0).u16(9, 5).data([6]))),
      /option 9 of 5 bytes/,
    ],
    [
      'Linux cooked',
      pcapngFile(true, (file, body) => file.block(1, body().u16(113, 0).u32(0)).block(3, body().u32(0))),
      /Linux cooked/,
    ],
    [
      'wrong magic',
      Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4),
      /0x1020304 is not the byte-order magic/,
    ],
    ['ends in an unread block', described((file) => file.u32(77, 400, 1, 2, 3)), /ends inside/],
    [
      'version 2',
      pcapngFile(true, (file, body) => file.block(SECTION, body().u32(0x1a2b3c4d).u16(2, 0).u32(0, 0))),
      /byte 28: pcapng version 2/,
    ],
  ])('refuses with the byte position: %s', (_, file, message) =>
    expectError('ERR_BAD_FILE', message, () => parseCapture(file)),
  );

  it('bounds the interfaces of a section', () => {
    const description = new Uint8Array(20);
    const view = new DataView(description.buffer);
    for (const [at, value] of [
      [0, 1],
      [4, 20],
      [8, 1],
      [16, 20],
    ])
      view.setUint32(at, value, true);
    const parser = new CaptureParser();
    parser.push(pcapngFile(true, () => {}));
    const many = new Uint8Array(20 * 65_537);
    for (let at = 0; at < many.length; at += 20) many.set(description, at);
    parser.push(many);
    expectError('ERR_BAD_FILE', /more than 65536 interfaces/, () => parser.next());
  });
});
