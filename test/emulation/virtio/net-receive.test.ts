/** Frames from the wire: into buffers of any layout, several of them if they merge, behind their header. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import { NetReceive } from '../../../src/emulation/virtio/net-receive.ts';
import type { QueueRule } from '../../../src/emulation/virtio/queue-rules.ts';
import type { ChecksumReport } from '../../../src/emulation/virtio/receive-checksum.ts';
import { leaveChecksum, udpFrame } from './net-frames.ts';
import { FORMATS, Lab, type LabOptions } from './queue-lab.ts';

const MAXIMUM = 1518;

/** A queue to receive into, whose buffers follow each other in memory. */
class ReceiveLab extends Lab {
  readonly receive: NetReceive;
  readonly #layouts = new Map<number, { begin: number; lengths: readonly number[] }>();
  #next = 4096;

  constructor(format: 'split' | 'packed', options: LabOptions = {}, checksums?: ChecksumReport) {
    super(format, options);
    const settings = { features: this.features, maximumFrame: MAXIMUM, ...(checksums ? { checksums } : {}) };
    this.receive = new NetReceive(this.context, this.queue, settings);
  }

  /** A buffer of these parts, with gaps between them. */
  offer(...lengths: number[]): void {
    const begin = this.#next;
    const parts = lengths.map((length) => {
      const address = this.address + this.#next;
      this.#next += length + 5;
      return { address, length, writes: true };
    });
    this.#layouts.set(this.driver.offer(parts), { begin, lengths });
    this.driver.publish();
  }

  store(frame: Uint8Array): boolean {
    this.queue.listen();
    const stored = this.receive.store(Buffer.concat([Buffer.alloc(3), frame]), 3, frame.length);
    this.queue.publish();
    return stored;
  }

  /** What the buffers that came back hold. */
  reap(): Buffer[] {
    return this.driver.reap().map(({ id, length }) => {
      const { begin, lengths } = this.#layouts.get(id) ?? { begin: 0, lengths: [] };
      const parts: Uint8Array[] = [];
      let at = begin;
      for (const each of lengths) {
        parts.push(this.bytes.slice(at, at + each));
        at += each + 5;
      }
      return Buffer.concat(parts).subarray(0, length);
    });
  }
}

describe.each(FORMATS)('a %s queue', (format) => {
  const modern: FeatureName[] = ['VERSION_1'];
  const header = (buffers: number): Buffer => Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, buffers, 0]);

  test('frames lie behind their header however a buffer is divided', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 });
    const property = fc.property(lengths, fc.integer({ min: 14, max: MAXIMUM }), (parts, length) => {
      const lab = new ReceiveLab(format, { features: modern });
      lab.offer(...parts, 12 + MAXIMUM);
      const frame = Buffer.from(Uint8Array.from({ length }, (_, i) => i * 3));
      expect(lab.store(frame)).toBe(true);
      expect(lab.reap()).toEqual([Buffer.concat([header(1), frame])]);
      expect([lab.receive.frames, lab.receive.bytes]).toEqual([1, length]);
      expect(lab.judge.violations).toEqual([]);
    });
    fc.assert(property, { numRuns: 200, seed: 2 });
  });

  test('MRG_RXBUF: a frame takes as many buffers as it needs, all or none', () => {
    const buffers = fc.array(fc.array(fc.integer({ min: 20, max: 300 }), { minLength: 1, maxLength: 2 }), {
      minLength: 1,
      maxLength: 8,
    });
    const property = fc.property(
      buffers,
      fc.integer({ min: 14, max: 2000 }),
      fc.boolean(),
      (sizes, length, inOrder) => {
        const features: FeatureName[] = [...modern, 'MRG_RXBUF', ...(inOrder ? ['IN_ORDER' as const] : [])];
        const lab = new ReceiveLab(format, { features, size: 16 });
        for (const each of sizes) lab.offer(...each);
        const frame = Buffer.from(Uint8Array.from({ length }, (_, i) => i * 5));
        const room = sizes.flat().reduce((sum, size) => sum + size, 0);
        expect(lab.store(frame)).toBe(room >= 12 + length);
        const stored = lab.reap();
        if (room < 12 + length) {
          expect(stored).toEqual([]);
          // Nothing was lost: a smaller frame finds them all.
          expect(lab.store(frame.subarray(0, 8))).toBe(true);
          expect(lab.reap()).toEqual([Buffer.concat([header(1), frame.subarray(0, 8)])]);
        } else {
          expect(Buffer.concat(stored)).toEqual(Buffer.concat([header(stored.length), frame]));
          const totals = sizes.map((each) => each.reduce((sum, size) => sum + size, 0));
          expect(stored.slice(0, -1).map((each) => each.length)).toEqual(totals.slice(0, stored.length - 1));
        }
        expect(lab.judge.violations).toEqual([]);
      },
    );
    fc.assert(property, { numRuns: 300, seed: 3 });
  });

  test('without buffers a frame is not taken, and nothing is told', () => {
    const lab = new ReceiveLab(format, { features: modern });
    expect(lab.store(udpFrame(60))).toBe(false);
    expect([lab.receive.frames, lab.receive.tooLarge]).toEqual([0, 0]);
  });

  test('a frame larger than the buffer is lost, and the buffer stays', () => {
    const lab = new ReceiveLab(format, { features: modern });
    lab.offer(100);
    expect(lab.store(udpFrame(89))).toBe(true);
    expect([lab.reap(), lab.receive.tooLarge, lab.rules]).toEqual([[], 1, ['rx.too-small']]);
    expect(lab.store(udpFrame(88))).toBe(true);
    expect([lab.reap().length, lab.receive.frames]).toEqual([1, 1]);
  });

  test.each([2048, 0xffff_ffff])('a buffer of %i bytes in no memory swallows its frame', (length) => {
    const lab = new ReceiveLab(format, { features: modern });
    lab.driver.offer([{ address: lab.address - 4096, length, writes: true }]);
    lab.driver.publish();
    expect(lab.store(udpFrame(60))).toBe(true);
    expect([lab.driver.reap().length, lab.context.dmaFaults]).toEqual([1, 1]);
    expect(lab.rules).toEqual(['queue.buffer-unmapped']);
  });

  const right = udpFrame(77);
  const wrong = Buffer.from(right);
  wrong[60] ^= 1;
  const none = Buffer.from(right);
  none.writeUInt16BE(0, 40);
  const fragment = Buffer.from(right);
  const arp = Buffer.alloc(60);
  arp.writeUInt16BE(0x0806, 12);
  fragment.writeUInt16BE(0x2000, 20);
  test.each<[string, Buffer, ChecksumReport, number]>([
    ['right', right, 'valid', 2],
    ['right', right, 'none', 0],
    ['wrong', wrong, 'valid', 0],
    ['wrong', wrong, 'partial', 0],
    ['absent', none, 'valid', 0],
    ['of a fragment', fragment, 'valid', 0],
    ['of another protocol', arp, 'valid', 0],
  ])('GUEST_CSUM: a checksum that is %s', (_, frame, report, flags) => {
    const lab = new ReceiveLab(format, { features: [...modern, 'GUEST_CSUM'] }, report);
    lab.offer(2048);
    lab.store(frame);
    const [stored] = lab.reap();
    expect([stored[0], stored.subarray(12)]).toEqual([flags, frame]);
  });

  test('GUEST_CSUM: a checksum that the driver is to complete', () => {
    const lab = new ReceiveLab(format, { features: [...modern, 'GUEST_CSUM'] }, 'partial');
    lab.offer(2048);
    lab.offer(2048);
    lab.store(right);
    lab.store(none);
    const [stored, plain] = lab.reap();
    expect(stored).toEqual(Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 1, 0]), leaveChecksum(right)]));
    expect(plain).toEqual(Buffer.concat([header(1), none]));
  });

  test('nothing is told of checksums unless GUEST_CSUM was negotiated', () => {
    const lab = new ReceiveLab(format, { features: modern });
    lab.offer(2048);
    lab.store(right);
    expect(lab.reap()[0][0]).toBe(0);
  });
});

test.each<[FeatureName[], number[], QueueRule[]]>([
  [[], [10, 1514], []],
  [[], [1524], ['rx.framing']],
  [['ANY_LAYOUT'], [1524], []],
  [['ANY_LAYOUT'], [1523], ['rx.too-small']],
  [['MRG_RXBUF'], [1526], []],
  [['MRG_RXBUF'], [200], []],
  [['MRG_RXBUF'], [11], ['rx.no-header']],
])('legacy with %s: buffers of %s bytes', (features, lengths, rules) => {
  const lab = new ReceiveLab('split', { features });
  lab.offer(...lengths);
  const frame = udpFrame(60);
  lab.store(frame);
  expect(lab.rules).toEqual(rules);
  if (rules[0] === 'rx.no-header') return;
  expect(lab.reap()[0].subarray(features.includes('MRG_RXBUF') ? 12 : 10)).toEqual(frame);
});

test('a buffer that merges, and has no room for the header, takes no frame', () => {
  const lab = new ReceiveLab('split', { features: ['VERSION_1', 'MRG_RXBUF'] });
  lab.offer(11);
  lab.offer(2048);
  expect(lab.store(udpFrame(60))).toBe(true);
  expect([lab.reap(), lab.receive.frames, lab.receive.tooLarge]).toEqual([[], 0, 1]);
});

test('rx.readable: only what the device may write is written', () => {
  const lab = new ReceiveLab('split', { features: ['VERSION_1'] });
  const { address } = lab;
  lab.driver.offer([
    { address, length: 100 },
    { address: address + 100, length: 2000, writes: true },
  ]);
  lab.driver.publish();
  lab.store(udpFrame(60));
  expect(lab.rules).toEqual(['rx.readable']);
  expect(lab.bytes.subarray(0, 100).every((byte) => byte === 0)).toBe(true);
  expect([...lab.bytes.subarray(112, 118)]).toEqual([2, 0, 0, 0, 0, 1]);
});
