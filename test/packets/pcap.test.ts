import { describe, expect, it } from 'vitest';
import { CaptureParser, PacketStack, PacketTemplate } from '../../src/packets/index.ts';
import { packet, parseCapture, pcapFile } from './capture-support.ts';
import { ethernet, expectError, hex, ipv4, ipv6, ports } from './support.ts';

const frame = new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'hello' }).bytes;
const big = new PacketTemplate({ size: 1514, ethernet, ipv4, udp: ports }).bytes;

describe('pcap', () => {
  const packets = [packet(frame), packet(big, 0, 0), packet(frame.subarray(0, 7), 0xffff_ffff, 999_999_000)];

  it.each([true, false])('reads nanoseconds and microseconds, little-endian: %s', (little) => {
    expect(parseCapture(pcapFile(packets, { little }))).toEqual(packets);
    const rounded = packets.map((one) => ({ ...one, nanoseconds: one.nanoseconds - (one.nanoseconds % 1000) }));
    expect(parseCapture(pcapFile(packets, { little, magic: 0xa1b2c3d4 }))).toEqual(rounded);
    expect(parseCapture(pcapFile(packets, { little, magic: 0xa1b2cd34, extra: 8 }))).toEqual(rounded);
  });

  it('reads an empty capture, and packets cut by a snap length', () => {
    expect(parseCapture(pcapFile([]))).toEqual([]);
    const cut = { ...packet(big.subarray(0, 64)), originalLength: 1514 };
    expect(parseCapture(pcapFile([cut]))).toEqual([cut]);
  });

  it('carries a fraction of more than a second over', () => {
    const file = pcapFile([packet(frame, 5, 0)]);
    new DataView(file.buffer).setUint32(28, 2_000_000_007, true);
    expect(parseCapture(file)).toEqual([packet(frame, 7, 7)]);
  });

  it('leaves out the frame check sequence that the header announces', () => {
    const link = 0x2400_0001; // present, two words
    const cut = { ...packet(big.subarray(0, 100)), originalLength: 1518 };
    const whole = packet(Uint8Array.of(...frame, 1, 2, 3, 4));
    expect(parseCapture(pcapFile([whole, cut], { link }))).toEqual([packet(frame), { ...cut, originalLength: 1514 }]);
  });

  it.each([101, 228, 229])('gives raw IP packets (link type %i) an Ethernet header', (link) => {
    const six = new PacketTemplate({ ethernet, ipv6, udp: ports }).bytes.subarray(14);
    const file = pcapFile([packet(frame.subarray(14)), packet(six)], { link });
    const [first, second] = parseCapture(file);
    expect(hex(first.data)).toBe(`0200000000020200000000010800${hex(frame.subarray(14))}`);
    expect(first.originalLength).toBe(frame.length);
    expect(new PacketStack().parse(second.data, 0, second.data.length)).toMatchObject({ endLayer: 'udp', network: 14 });
  });

  it.each([
    ['no bytes', new Uint8Array(0), /byte 0: the file ends after 0 bytes/],
    ['three bytes', Uint8Array.of(0xd4, 0xc3, 0xb2), /byte 0: the file ends after 3 bytes/],
    ['text', new TextEncoder().encode('hello world'), /byte 0: 0x68656c6c begins neither/],
    ['half a header', pcapFile([]).subarray(0, 20), /byte 0: .* after 20 bytes/],
    ['half a record header', pcapFile([packet(frame)]).subarray(0, 30), /byte 24: .* after 6 bytes/],
    ['half a packet', pcapFile([packet(frame)]).subarray(0, 60), /byte 24: .* after 36 bytes/],
    ['old version', pcapFile([], { minor: 3 }), /byte 0: pcap version 2\.3 is not supported/],
    ['Linux cooked', pcapFile([], { link: 113 }), /byte 0: .* Linux cooked .* capture on one interface/],
    ['Linux cooked 2', pcapFile([], { link: 276 }), /Linux cooked/],
    ['another link type', pcapFile([], { link: 105 }), /link type 105 is not supported; expected Ethernet \(1\)/],
    [
      'huge',
      pcapFile([{ ...packet(new Uint8Array(262_145)), originalLength: 262_145 }]),
      /byte 24: a packet of 262145/,
    ],
    ['lying', pcapFile([packet(frame), { ...packet(frame), originalLength: 9 }]), /byte 100: 60 bytes .* only 9/],
    ['not IP', pcapFile([packet(Uint8Array.of(0x55))], { link: 101 }), /byte 24: .* neither IPv4 nor IPv6/],
    ['empty raw IP', pcapFile([packet(new Uint8Array(0))], { link: 101 }), /neither IPv4 nor IPv6/],
  ])('refuses with the byte position: %s', (_, file, message) =>
    expectError('ERR_BAD_FILE', message, () => parseCapture(file)),
  );

  it('hands out the packets in front of the damage', () => {
    const parser = new CaptureParser('x.pcap');
    parser.push(pcapFile([packet(frame), packet(frame)]).subarray(0, 150));
    expect(parser.next()?.length).toBe(60);
    expect(parser.next()).toBeUndefined();
    expectError('ERR_BAD_FILE', /^x\.pcap: byte 100: /, () => parser.end());
  });
});
