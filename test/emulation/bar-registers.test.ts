import { describe, expect, it } from 'vitest';
import { barRegisters } from '../../src/emulation/bar-registers.ts';

const SIZE = 64;

/** The registers of BAR 2, and what reaches the model. */
function registers(narrow: boolean) {
  const seen: [string, ...number[]][] = [];
  const access = {
    read: (...place: number[]) => seen.push(['read', ...place]),
    write: (...place: number[]) => {
      seen.push(['write', ...place]);
    },
  };
  const doorbells = new Int32Array(0);
  return { seen, file: barRegisters('nic', 2, { size: SIZE, narrow, doorbells }, access) };
}

describe('registers behind a BAR of an emulated device', () => {
  it('reach the model with BAR, offset and width', () => {
    const { seen, file } = registers(true);
    expect([file.read8(63), file.read16(62), file.read32(60)]).toEqual([1, 2, 3]);
    expect(seen).toEqual([
      ['read', 2, 63, 1],
      ['read', 2, 62, 2],
      ['read', 2, 60, 4],
    ]);
  });

  it('are written with as many bits as they have', () => {
    const { seen, file } = registers(true);
    file.write8(1, 0x1ff);
    file.write16(2, -1);
    file.write32(4, 0xffff_fffe);
    expect(seen).toEqual([
      ['write', 2, 1, 1, 0xff],
      ['write', 2, 2, 2, 0xffff],
      ['write', 2, 4, 4, -2],
    ]);
  });

  it('are accessed aligned and inside the BAR', () => {
    const { seen, file } = registers(true);
    for (const offset of [-4, 2, SIZE, 1.5, Number.NaN]) {
      expect(() => file.read32(offset)).toThrow(/^nic: .*multiple of 4 below 64/);
      expect(() => file.write32(offset, 0)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    }
    expect(() => file.read16(63)).toThrow(/multiple of 2/);
    expect(() => file.write8(SIZE, 0)).toThrow(/multiple of 1/);
    expect(seen).toEqual([]);
  });

  it('of devices without narrow ones are accessed by 32 bits alone', () => {
    const { seen, file } = registers(false);
    const accesses = [() => file.read8(0), () => file.read16(0), () => file.write8(0, 0), () => file.write16(0, 0)];
    for (const access of accesses) expect(access).toThrow(/^nic: .*32 bits at a time/);
    expect(file.read32(4)).toBe(1);
    expect(seen).toEqual([['read', 2, 4, 4]]);
  });
});
