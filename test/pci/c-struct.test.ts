import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CStruct } from '../../src/pci/c-struct.ts';

describe('a structure', () => {
  it('has its fields where a C compiler puts them', () => {
    const struct = new CStruct({ a: 'u8', b: 'u32', c: 'u16', d: 'u64', e: 'u8' });
    expect(struct.offsets).toEqual({ a: 0, b: 4, c: 8, d: 16, e: 24 });
    expect(struct.size).toBe(32);
    expect(new CStruct({ a: 'u16', b: 'u8' }).size).toBe(4);
  });

  it('comes back as it was written, wherever it lies', () => {
    const struct = new CStruct({ a: 'u8', b: 'u64', c: 'u16', d: 'u32' });
    const values = fc.record({
      a: fc.integer({ min: 0, max: 0xff }),
      b: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      c: fc.integer({ min: 0, max: 0xffff }),
      d: fc.integer({ min: 0, max: 0xffff_ffff }),
    });
    fc.assert(
      fc.property(values, fc.nat(20), (content, at) => {
        const bytes = new Uint8Array(at + struct.size);
        bytes.set(struct.encode(content), at);
        expect(struct.decode(bytes, at)).toEqual(content);
      }),
      { seed: 5 },
    );
  });

  it('is zero where nothing is given, and behind its end', () => {
    const struct = new CStruct({ a: 'u32', b: 'u32' });
    expect([...struct.encode({ b: 0x0102_0304 }, 4)]).toEqual([0, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0]);
  });

  it('must be there as a whole', () => {
    expect(() => new CStruct({ a: 'u32' }).decode(new Uint8Array(7), 4)).toThrow(RangeError);
  });
});
