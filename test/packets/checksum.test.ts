import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  foldSum,
  internetChecksum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  read16,
  read32,
  sumBytes,
  updateChecksum16,
  updateChecksum32,
  write16,
  write32,
} from '../../src/packets/index.ts';
import { referenceChecksum, SEEDED } from './support.ts';

const data = fc.uint8Array({ maxLength: 200 });
const word = fc.oneof(fc.constantFrom(0, 1, 0xfffe, 0xffff), fc.integer({ min: 0, max: 0xffff }));

describe('internet checksum', () => {
  it('is that of the example in RFC 1071', () => {
    const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(sumBytes(example, 0, 8)).toBe(0xddf2);
    expect(internetChecksum(example, 0, 8)).toBe(0x220d);
  });

  it('agrees with the definition over any range', () => {
    fc.assert(
      fc.property(data, fc.nat(7), fc.nat(7), (bytes, before, behind) => {
        const surrounded = Uint8Array.from([...Array(before).fill(0xaa), ...bytes, ...Array(behind).fill(0x55)]);
        expect(internetChecksum(surrounded, before, bytes.length)).toBe(referenceChecksum(bytes));
      }),
      SEEDED,
    );
  });

  it('does not overflow over ranges longer than any packet', () => {
    for (const length of [0x7fff, 0x8000, 0x8001, 0x10000, 0x3_0001]) {
      const bytes = new Uint8Array(length).fill(0xff);
      expect(internetChecksum(bytes, 0, length)).toBe(referenceChecksum(bytes));
    }
  });

  it('adds up over adjacent ranges', () => {
    fc.assert(
      fc.property(data, fc.nat(100), (bytes, half) => {
        const split = Math.min(half * 2, bytes.length & ~1);
        const sum = sumBytes(bytes, split, bytes.length - split, sumBytes(bytes, 0, split));
        expect(~sum & 0xffff).toBe(referenceChecksum(bytes));
      }),
      SEEDED,
    );
  });

  it('folds with end-around carries', () => {
    expect(foldSum(0xffff_ffff)).toBe(0xffff);
    expect(foldSum(0x1_ffff)).toBe(1);
    expect(foldSum(0)).toBe(0);
  });
});

describe('pseudo-headers', () => {
  it('IPv4: addresses, protocol and length', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.nat(255),
        fc.nat(0xffff),
        (ip, protocol, length) => {
          const pseudo = Uint8Array.of(...ip.subarray(12), 0, protocol, length >> 8, length);
          expect(~foldSum(pseudoHeaderSum4(ip, 0, protocol, length)) & 0xffff).toBe(referenceChecksum(pseudo));
        },
      ),
      SEEDED,
    );
  });

  it('IPv6: addresses, 32 bits of length and next header', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        fc.nat(255),
        fc.nat(0xf_ffff),
        (ip, next, length) => {
          const tail = new Uint8Array(8);
          write32(tail, 0, length);
          write32(tail, 4, next);
          const pseudo = Uint8Array.of(...ip.subarray(8), ...tail);
          expect(~foldSum(pseudoHeaderSum6(ip, 0, next, length)) & 0xffff).toBe(referenceChecksum(pseudo));
        },
      ),
      SEEDED,
    );
  });
});

describe('incremental update', () => {
  it('equals a new calculation, also around 0 and 0xffff', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 3, maxLength: 12 }), word, word, fc.nat(), (words, high, low, where) => {
        const bytes = new Uint8Array(words.length * 2 + 2);
        words.forEach((value, i) => {
          write16(bytes, i * 2, value);
        });
        write16(bytes, words.length * 2, 0x4500); // as in any IP packet, some word is not zero
        const checksum = referenceChecksum(bytes);
        const at = (where % (words.length - 1)) * 2;

        const before16 = read16(bytes, at);
        write16(bytes, at, high);
        const updated = updateChecksum16(checksum, before16, high);
        expect(updated).toBe(referenceChecksum(bytes));

        const before32 = read32(bytes, at);
        const after32 = (high * 0x1_0000 + low) >>> 0;
        write32(bytes, at, after32);
        expect(updateChecksum32(updated, before32, after32)).toBe(referenceChecksum(bytes));
        expect(updateChecksum32(updated, before32 | 0, after32 | 0)).toBe(referenceChecksum(bytes));
      }),
      SEEDED,
    );
  });

  it('is right in the example of RFC 1624, where older equations give -0', () => {
    expect(updateChecksum16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });
});
