/** Packets that the driver sends: from chains, framed in any way, to the wire. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import { NetTransmit } from '../../../src/emulation/virtio/net-transmit.ts';
import type { QueueRule } from '../../../src/emulation/virtio/queue-rules.ts';
import { PacketStack } from '../../../src/packets/stack.ts';
import { checksumsValid } from '../../../src/packets/verify.ts';
import { leaveChecksum, udpFrame } from './net-frames.ts';
import { FORMATS, Lab, type LabOptions } from './queue-lab.ts';

const MAXIMUM = 1518;

/** A queue to send from, and a wire that keeps what it gets. */
class TransmitLab extends Lab {
  readonly transmit: NetTransmit;
  readonly sent: Buffer[] = [];
  room = Number.POSITIVE_INFINITY;

  constructor(format: 'split' | 'packed', options: LabOptions = {}) {
    super(format, options);
    this.transmit = new NetTransmit(this.context, this.queue, { features: this.features, maximumFrame: MAXIMUM });
  }

  /** Puts header and frame into memory, cut at these places, and offers them. */
  offer(header: readonly number[], frame: Uint8Array, cuts: readonly number[] = []): void {
    const whole = Buffer.concat([Buffer.from(header), frame]);
    const begin = 4096 + (this.driver.size - this.driver.free) * 2048;
    this.bytes.set(whole, begin);
    const places = [0, ...cuts, whole.length];
    const parts = places
      .slice(1)
      .map((to, i) => ({ address: this.address + begin + places[i], length: to - places[i] }));
    this.driver.offer(parts.filter(({ length }) => length > 0));
    this.driver.publish();
  }

  send(budget = 64): number {
    this.queue.listen();
    const sent = this.transmit.send(
      {
        deliver: (bytes, offset, length) => {
          if (this.sent.length >= this.room) return false;
          this.sent.push(Buffer.from(bytes.slice(offset, offset + length)));
          return true;
        },
      },
      budget,
    );
    this.queue.publish();
    return sent;
  }
}

const LEGACY_HEADER = new Array<number>(10).fill(0);
const HEADER = new Array<number>(12).fill(0);

describe.each(FORMATS)('a %s queue', (format) => {
  const modern: FeatureName[] = ['VERSION_1'];

  test('frames leave however header and data lie in descriptors', () => {
    const cut = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 7 });
    const property = fc.property(cut, fc.integer({ min: 14, max: MAXIMUM }), (cuts, length) => {
      const lab = new TransmitLab(format, { features: modern });
      const frame = Uint8Array.from({ length }, (_, i) => i * 7);
      const places = cuts.filter((place) => place < length + 12).sort((a, b) => a - b);
      lab.offer(HEADER, frame, places);
      expect(lab.send()).toBe(1);
      expect(lab.sent).toEqual([Buffer.from(frame)]);
      expect(lab.driver.reap()).toEqual([{ id: expect.any(Number), length: 0 }]);
      expect([lab.transmit.frames, lab.transmit.bytes, lab.transmit.dropped]).toEqual([1, length, 0]);
      expect(lab.judge.violations).toEqual([]);
    });
    fc.assert(property, { numRuns: 200, seed: 1 });
  });

  test('what the wire refuses stays, and leaves later, in order', () => {
    const lab = new TransmitLab(format, { features: modern });
    const frames = [1, 2, 3, 4].map((byte) => Buffer.alloc(60, byte));
    for (const frame of frames) lab.offer(HEADER, frame);
    lab.room = 2;
    expect([lab.send(), lab.send()]).toEqual([2, 0]);
    lab.room = 9;
    expect([lab.send(1), lab.send()]).toEqual([1, 1]);
    expect(lab.sent).toEqual(frames);
    expect(lab.driver.reap().length).toBe(4);
    expect(lab.judge.violations).toEqual([]);
  });

  test.each([false, true])('CSUM: completes the checksum (in several descriptors: %s)', (spread) => {
    const lab = new TransmitLab(format, { features: [...modern, 'CSUM'] });
    const frame = udpFrame(61);
    const partial = leaveChecksum(frame);
    lab.offer([1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0], partial, spread ? [7, 12, 50] : []);
    lab.send();
    expect(lab.sent).toEqual([Buffer.from(frame)]);
    expect(checksumsValid(lab.sent[0], new PacketStack().parse(lab.sent[0], 0, lab.sent[0].length))).toBe(true);
    expect(lab.judge.violations).toEqual([]);
  });

  test('a checksum of 0 is sent as 0xffff', () => {
    const lab = new TransmitLab(format, { features: [...modern, 'CSUM'] });
    const frame = Buffer.alloc(60);
    frame.set([0xff, 0xff], 40);
    lab.offer([1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0], frame);
    lab.send();
    expect(lab.sent[0].readUInt16BE(40)).toBe(0xffff);
  });

  test.each<[QueueRule, number[], number, boolean]>([
    ['tx.no-header', [], 11, false],
    ['tx.no-header', HEADER, 13, false],
    ['tx.frame-length', HEADER, MAXIMUM + 1, false],
    ['tx.flags', [1, ...HEADER.slice(1)], 60, true],
    ['tx.flags', [2, ...HEADER.slice(1)], 60, true],
    ['tx.gso', [0, 1, ...HEADER.slice(2)], 60, true],
    ['tx.num-buffers', [...HEADER.slice(0, 10), 1, 0], 60, true],
  ])('%s', (rule, header, length, leaves) => {
    const lab = new TransmitLab(format, { features: modern });
    lab.offer(header, Buffer.alloc(length));
    expect(lab.send()).toBe(1);
    expect(lab.rules).toEqual([rule]);
    expect([lab.sent.length, lab.transmit.dropped, lab.driver.reap().length]).toEqual(leaves ? [1, 0, 1] : [0, 1, 1]);
  });

  test.each([60, 59, 0xffff])('tx.checksum-range: the sum would go to byte %i of 60', (start) => {
    const lab = new TransmitLab(format, { features: [...modern, 'CSUM'] });
    lab.offer([1, 0, 0, 0, 0, 0, start & 0xff, start >> 8, 0, 0, 0, 0], Buffer.alloc(60));
    lab.send();
    expect([lab.rules, lab.sent.length, lab.transmit.dropped]).toEqual([['tx.checksum-range'], 0, 1]);
  });

  test('tx.writable: what the device is to write is not sent', () => {
    const lab = new TransmitLab(format, { features: modern });
    lab.driver.offer([
      { address: lab.address, length: 72 },
      { address: lab.address, length: 10, writes: true },
    ]);
    lab.driver.publish();
    lab.send();
    expect([lab.rules, lab.sent[0].length, lab.driver.reap()[0].length]).toEqual([['tx.writable'], 60, 0]);
  });

  test('a frame in no memory is dropped, and the next one leaves', () => {
    const lab = new TransmitLab(format, { features: modern });
    lab.driver.offer([{ address: lab.address - 4096, length: 72 }]);
    lab.offer(HEADER, Buffer.alloc(60, 7));
    expect(lab.send()).toBe(2);
    expect([lab.sent.length, lab.transmit.dropped, lab.context.dmaFaults]).toEqual([1, 1, 1]);
    expect(lab.rules).toEqual(['queue.buffer-unmapped']);
  });
});

test.each<[FeatureName[], number[], number[], QueueRule[]]>([
  [[], LEGACY_HEADER, [10], []],
  [[], LEGACY_HEADER, [], ['tx.framing']],
  [[], LEGACY_HEADER, [4], ['tx.framing']],
  [['ANY_LAYOUT'], LEGACY_HEADER, [], []],
  [['MRG_RXBUF'], HEADER, [12], []],
  [['MRG_RXBUF', 'ANY_LAYOUT'], HEADER, [3, 20], []],
])('legacy with %s: a header of its own size in a descriptor of its own', (features, header, cuts, rules) => {
  const lab = new TransmitLab('split', { features });
  const frame = Buffer.alloc(60, 5);
  lab.offer(header, frame, cuts);
  lab.send();
  expect([lab.sent, lab.rules]).toEqual([[frame], rules]);
});
