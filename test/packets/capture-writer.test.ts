import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  CaptureFileReader,
  CaptureFileWriter,
  CaptureParser,
  CaptureWriter,
  PacketTemplate,
} from '../../src/packets/index.ts';
import { copyOf, type Packet, packet, parseCapture, writeCapture } from './capture-support.ts';
import { ethernet, expectError, ipv4, ports, SEEDED } from './support.ts';

const frame = new PacketTemplate({ ethernet, ipv4, udp: ports }).bytes;
const directory = mkdtempSync(join(tmpdir(), 'ixy-capture-'));
afterAll(() => rmSync(directory, { recursive: true }));

const anyPacket: fc.Arbitrary<Packet> = fc
  .tuple(fc.uint8Array({ maxLength: 100 }), fc.nat(50), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(999_999_999))
  .map(([data, cut, seconds, nanoseconds]) => ({
    data,
    originalLength: data.length + cut,
    seconds,
    nanoseconds,
  }));

describe('CaptureWriter', () => {
  it.each(['pcap', 'pcapng'] as const)('writes what the parser reads: %s', (format) => {
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 20 }), (packets) => {
        expect(parseCapture(writeCapture(packets, { format }))).toEqual(packets);
      }),
      SEEDED,
    );
  });

  it('rounds down to microseconds when asked to', () => {
    const file = writeCapture([packet(frame, 7, 999_999_999)], { resolution: 'microsecond' });
    expect(parseCapture(file)).toEqual([packet(frame, 7, 999_999_000)]);
  });

  it.each(['pcap', 'pcapng'] as const)('cuts packets at the snap length: %s', (format) => {
    const packets = [packet(frame), packet(frame.subarray(0, 30))];
    expect(parseCapture(writeCapture(packets, { format, snapLength: 41 }))).toEqual([
      { ...packet(frame.subarray(0, 41)), originalLength: 60 },
      packet(frame.subarray(0, 30)),
    ]);
  });

  it('takes a packet in pieces, from any array, at any alignment', () => {
    const pieces: Uint8Array[] = [];
    const writer = new CaptureWriter((bytes, length) => pieces.push(bytes.slice(0, length)), { snapLength: 50 });
    const shifted = new Uint8Array(new ArrayBuffer(80), 3, 70);
    shifted.set(frame, 5);
    for (const first of [0, 1, 2, 3, 7, 49, 50, 51, 60]) {
      writer.begin(60, 1, 2);
      writer.append(frame, 0, first);
      writer.append(shifted, 5 + first, 60 - first);
      writer.end();
    }
    writer.flush();
    const expected = { ...packet(frame.subarray(0, 50), 1, 2), originalLength: 60 };
    expect(parseCapture(Buffer.concat(pieces))).toEqual(Array(9).fill(expected));
    expect(writer).toMatchObject({ packets: 9, bytesFlushed: 24 + 9 * 66 });
  });

  it('forgets a packet that was not completed', () => {
    const pieces: Uint8Array[] = [];
    const writer = new CaptureWriter((bytes, length) => pieces.push(bytes.slice(0, length)));
    writer.begin(60, 1, 2);
    writer.append(frame, 0, 50);
    expectError('ERR_ARGUMENT', /60 bytes ended 10 bytes too early/, () => writer.end());
    expect(() => writer.write(frame, 30, 60, 1, 2)).toThrow(RangeError);
    writer.write(frame, 0, 60, 1, 2);
    writer.flush();
    expect(parseCapture(Buffer.concat(pieces))).toEqual([packet(frame, 1, 2)]);
    expect(writer.packets).toBe(1);
  });

  it('goes on through a buffer that is smaller than the file', () => {
    const calls: number[] = [];
    const parser = new CaptureParser();
    const writer = new CaptureWriter(
      (bytes, length) => {
        calls.push(length);
        parser.push(bytes, length);
      },
      { format: 'pcapng', bufferSize: 0, snapLength: 64 },
    );
    for (let i = 0; i < 10; i++) writer.write(frame, 0, 60, i, i);
    writer.flush();
    writer.flush(); // nothing new: no call
    expect(calls.length).toBe(11);
    for (let i = 0; i < 10; i++) expect(parser.next()).toMatchObject({ seconds: i, nanoseconds: i, length: 60 });
    parser.end();
  });

  it('refuses settings out of range', () => {
    expectError('ERR_ARGUMENT', /snap length/, () => new CaptureWriter(() => {}, { snapLength: 0 }));
    expectError('ERR_ARGUMENT', /snap length/, () => new CaptureWriter(() => {}, { snapLength: 262_145 }));
    expectError('ERR_ARGUMENT', /buffer size/, () => new CaptureWriter(() => {}, { bufferSize: -1 }));
  });
});

describe('capture files', () => {
  it.each([
    ['a.pcap', 'pcap'],
    ['b.pcapng', 'pcapng'],
    ['c', 'pcap'],
  ])('writes %s as %s and reads it back, larger than any chunk', (name, format) => {
    const path = join(directory, name);
    const writer = new CaptureFileWriter(path);
    const count = 10_000;
    for (let i = 0; i < count; i++) writer.write(frame, 0, 60, i, 5);
    writer.close();
    writer.close();
    const reader = new CaptureFileReader(path);
    let read = 0;
    for (const record of reader) {
      expect(record.seconds).toBe(read++);
      if (read % 1000 === 0) expect(copyOf(record)).toEqual(packet(frame, read - 1, 5));
    }
    expect(read).toBe(count);
    expect(reader.format).toBe(format);
    expectError('ERR_CLOSED', /reader is closed/, () => reader.next());
  });

  it('goes by the option rather than by the name', () => {
    const path = join(directory, 'd.pcap');
    new CaptureFileWriter(path, { format: 'pcapng' }).close();
    expect(readFileSync(path).readUInt32BE(0)).toBe(0x0a0d0d0a);
  });

  it('says what is wrong with a file, and where', () => {
    const path = join(directory, 'cut.pcap');
    writeFileSync(path, writeCapture([packet(frame)]).subarray(0, 70));
    const reader = new CaptureFileReader(path);
    expectError('ERR_BAD_FILE', /cut\.pcap: byte 24: the file ends inside/, () => reader.next());
    expect(reader.next()).toBeUndefined();
    reader.close();
    expectError('ERR_SYSTEM', /cannot open .*missing.*ENOENT/, () => new CaptureFileReader(join(directory, 'missing')));
    expectError('ERR_SYSTEM', /cannot create .*ENOENT/, () => new CaptureFileWriter(join(directory, 'no', 'file')));
    const folder = new CaptureFileReader(directory);
    expectError('ERR_SYSTEM', /cannot read .*EISDIR/, () => folder.next());
    folder.close();
  });

  it('touches no file if its options are wrong', () => {
    const path = join(directory, 'untouched.pcap');
    writeFileSync(path, 'precious');
    expectError('ERR_ARGUMENT', /snap length/, () => new CaptureFileWriter(path, { snapLength: 0 }));
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('says ERR_SYSTEM with the cause where a device is full', () => {
    const writer = new CaptureFileWriter('/dev/full');
    expectError('ERR_SYSTEM', /cannot write \/dev\/full: ENOSPC/, () => writer.close());
  });
});
