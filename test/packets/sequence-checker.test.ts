import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  PacketStamper,
  PacketTemplate,
  SequenceChecker,
  type SequenceCheckerOptions,
  write32,
} from '../../src/packets/index.ts';
import { ethernet, expectError, ipv4, ports, SEEDED } from './support.ts';

const template = new PacketTemplate({
  size: 72,
  ethernet,
  ipv4,
  udp: ports,
  payload: 'constant payload behind it',
});

/** The packet with this number, as a generator makes it. */
function numbered(sequence: number, magic?: number): Uint8Array {
  const bytes = template.bytes.slice();
  new PacketStamper(template, {
    sequence: magic === undefined ? { first: sequence } : { first: sequence, magic },
  }).stamp(bytes, 0);
  return bytes;
}

function check(numbers: readonly number[], options: SequenceCheckerOptions = {}): SequenceChecker {
  const checker = new SequenceChecker(options);
  for (const number of numbers) {
    const bytes = numbered(number);
    checker.check(bytes, 0, bytes.length);
  }
  return checker;
}

describe('SequenceChecker', () => {
  it('finds nothing wrong in an unbroken stream', () => {
    const checker = check([0, 1, 2, 3, 4]);
    expect(checker).toMatchObject({ received: 5, unique: 5, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 });
    expect(checker).toMatchObject({ foreign: 0, stale: 0, highest: 4 });
  });

  it('counts gaps as lost until a late packet fills them', () => {
    expect(check([0, 1, 5])).toMatchObject({ unique: 3, lost: 3, reordered: 0 });
    expect(check([0, 1, 5, 3])).toMatchObject({ unique: 4, lost: 2, reordered: 1 });
    expect(check([0, 1, 5, 3, 3, 5, 5])).toMatchObject({ unique: 4, lost: 2, reordered: 1, duplicated: 3 });
  });

  it('knows of packets lost before the first and behind the last only what it is told', () => {
    expect(check([3, 4]).lost).toBe(3);
    expect(check([3, 4], { first: 3 }).lost).toBe(0);
    expect(check([3, 4], { first: 3 }).lostOf(10)).toBe(8);
    expect(check([2], { first: 3 })).toMatchObject({ stale: 1, unique: 0, lost: 0 });
    expect(check([])).toMatchObject({ received: 0, lost: 0 });
  });

  it('counts what comes too late for its window as stale', () => {
    expect(check([0, 40, 8], { window: 32 })).toMatchObject({ unique: 2, stale: 1, reordered: 0, lost: 39 });
    expect(check([0, 40, 9], { window: 32 })).toMatchObject({ unique: 3, stale: 0, reordered: 1, lost: 38 });
  });

  it('takes numbers beyond 32 bits', () => {
    const first = 2 ** 40 - 1;
    expect(check([first, first + 2, first + 1, first + 2], { first })).toMatchObject({
      unique: 3,
      reordered: 1,
      duplicated: 1,
      lost: 0,
      highest: 2 ** 40 + 1,
    });
  });

  it('agrees with a set of all numbers seen, over any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 200 }), fc.constantFrom(32, 64, 1024), (numbers, window) => {
        const seen = new Set<number>();
        const expected = { unique: 0, duplicated: 0, reordered: 0, stale: 0, highest: -1 };
        for (const number of numbers) {
          if (number <= expected.highest - window) {
            expected.stale++;
            continue;
          }
          if (seen.has(number)) expected.duplicated++;
          else {
            expected.unique++;
            if (number < expected.highest) expected.reordered++;
          }
          seen.add(number);
          expected.highest = Math.max(expected.highest, number);
        }
        const checker = check(numbers, { window });
        expect(checker).toMatchObject(expected);
        expect(checker.lost).toBe(expected.highest + 1 - seen.size);
      }),
      SEEDED,
    );
  });

  it('counts a packet with any bit of its UDP datagram or IPv4 header flipped as corrupted or foreign, never as good', () => {
    const checker = new SequenceChecker();
    const good = numbered(7);
    for (let bit = 14 * 8; bit < good.length * 8; bit++) {
      const bytes = good.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      checker.check(bytes, 0, bytes.length);
    }
    expect(checker.unique + checker.duplicated + checker.stale).toBe(0);
    expect(checker.corrupted).toBeGreaterThan(checker.foreign);
    expect(checker.received).toBe((good.length - 14) * 8);
  });

  it('compares the payload behind the stamp with the template', () => {
    const bytes = numbered(0);
    const at = template.layout.payload + 12; // behind the stamp
    const swapped = bytes.slice();
    swapped.set(bytes.subarray(at, at + 2), at + 2); // two words change places: no checksum sees it
    swapped.set(bytes.subarray(at + 2, at + 4), at);
    const results = [undefined, template].map((expected) => {
      const checker = new SequenceChecker(expected ? { template: expected } : {});
      checker.check(bytes, 0, bytes.length);
      checker.check(swapped, 0, swapped.length);
      return [checker.unique, checker.duplicated, checker.corrupted];
    });
    expect(results).toEqual([
      [1, 1, 0],
      [1, 0, 1],
    ]);
    const other = new PacketTemplate({ size: 72, ethernet, vlan: { id: 1 }, ipv4, udp: ports });
    const checker = new SequenceChecker({ template: other });
    checker.check(bytes, 0, bytes.length); // its payload is 4 bytes longer than the other's
    expect(checker.corrupted).toBe(1);
  });

  it('takes frames cut short, and numbers no generator writes, for corrupted', () => {
    const checker = new SequenceChecker();
    const bytes = numbered(0);
    checker.check(bytes, 0, bytes.length - 1);
    expect(checker.corrupted).toBe(1);
    const payload = new Uint8Array(12).fill(0xff);
    write32(payload, 0, 0x6978_7921);
    const wild = new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports, payload });
    checker.check(wild.bytes, 0, wild.size);
    expect(checker.corrupted).toBe(2);
  });

  it('tells other traffic and other streams apart', () => {
    const checker = new SequenceChecker({ magic: 1 });
    const frames = [
      numbered(0),
      new PacketTemplate({ ethernet, arp: { senderIp: '10.0.0.1', targetIp: '10.0.0.2' } }).bytes,
      new PacketTemplate({ ethernet, ipv4, udp: ports, payload: 'short' }).bytes,
      Uint8Array.of(1, 2, 3),
    ];
    for (const frame of frames) checker.check(frame, 0, frame.length);
    expect(checker).toMatchObject({ foreign: 4, unique: 0, corrupted: 0 });
    const mine = numbered(0, 1);
    checker.check(mine, 0, mine.length);
    expect(checker.unique).toBe(1);
  });

  it('keeps exact counts over millions of packets, with losses, duplicates and delays', () => {
    const stamper = new PacketStamper(template, { sequence: true });
    const checker = new SequenceChecker({ window: 1024 });
    const bytes = template.bytes.slice();
    const late = template.bytes.slice();
    const count = 2_000_000;
    for (let i = 0; i < count; i++) {
      const isLate = i % 1000 === 500;
      stamper.stamp(isLate ? late : bytes, 0);
      if (isLate || i % 1000 === 7) continue; // 7: lost
      checker.check(bytes, 0, bytes.length);
      if (i % 1000 === 9) checker.check(bytes, 0, bytes.length);
      if (i % 1000 === 700) checker.check(late, 0, late.length);
    }
    expect(checker).toMatchObject({ unique: count * 0.999, lost: count / 1000, duplicated: count / 1000 });
    expect(checker).toMatchObject({ reordered: count / 1000, corrupted: 0, stale: 0, foreign: 0 });
  });

  it.each([
    [{ window: 100 }, /power of two/],
    [{ window: 16 }, /window must be/],
    [{ first: -1 }, /first sequence/],
  ])('refuses %j', (options, message) => expectError('ERR_ARGUMENT', message, () => new SequenceChecker(options)));
});
