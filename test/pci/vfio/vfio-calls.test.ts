import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCapability } from '../../../src/pci/vfio/vfio-calls.ts';

/** An answer with capabilities at these offsets, each pointing to the next. */
function chain(...links: readonly (readonly [at: number, id: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(128));
  for (const [i, [at, id]] of links.entries()) {
    view.setUint16(at, id, true);
    view.setUint32(at + 4, links[i + 1]?.[0] ?? 0, true);
  }
  return new Uint8Array(view.buffer);
}

describe('a chain of capabilities', () => {
  it('is searched to its end', () => {
    const bytes = chain([24, 3], [48, 1], [64, 2]);
    expect([1, 2, 3, 4].map((id) => findCapability(bytes, 24, id))).toEqual([48, 64, 24, undefined]);
  });

  it('may be empty', () => {
    expect(findCapability(chain(), 0, 0)).toBeUndefined();
  });

  it('ends where it would go in circles, or leave the answer', () => {
    const circle = chain([24, 3], [48, 1]);
    new DataView(circle.buffer).setUint32(52, 24, true);
    expect(findCapability(circle, 24, 2)).toBeUndefined();
    expect(findCapability(circle, 124, 0)).toBeUndefined();
  });

  it('does no harm, whatever it consists of', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(80), fc.nat(3), (bytes, first, id) => {
        const at = findCapability(bytes, first, id);
        if (at !== undefined) expect(at + 8).toBeLessThanOrEqual(bytes.length);
      }),
      { seed: 11 },
    );
  });
});
