import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../../src/datasheet/registers.ts';

const table = Object.entries(ixgbe) as [string, Register][];

/** The 82599's register BAR: 128 KiB (8.1). */
const BAR_SIZE = 0x20000;

function offsets(register: Register): number[] {
  const { offset = 0, stride = 0, count = 0 } = register.also ?? {};
  const aliases = Array.from({ length: count }, (_, i) => offset + stride * i);
  return [...Array.from({ length: register.length }, (_, i) => register.at(i)), ...aliases];
}

describe('the 82599 register table', () => {
  test('gives every register a place of its own', () => {
    const owners = new Map<number, string>();
    for (const [name, register] of table) {
      for (const offset of offsets(register)) {
        expect(owners.get(offset), `${name} at 0x${offset.toString(16)}`).toBeUndefined();
        owners.set(offset, name);
      }
    }
    expect(owners.size).toBeGreaterThan(4000);
  });

  test('keeps every register aligned and inside the BAR', () => {
    for (const [name, register] of table) {
      const misplaced = offsets(register).filter((offset) => offset % 4 !== 0 || offset < 0 || offset >= BAR_SIZE);
      expect(misplaced, name).toEqual([]);
    }
  });

  test('has fields that neither overlap nor overflow, reset values of 32 bits, and sections', () => {
    for (const [name, register] of table) {
      let used = 0;
      for (const field of Object.values(register.bits)) {
        expect(field.shift + field.width, name).toBeLessThanOrEqual(32);
        expect(used & field.mask, name).toBe(0);
        used |= field.mask;
      }
      const reset = register.reset ?? 0;
      expect(reset >= 0 && reset < 2 ** 32, name).toBe(true);
      expect(register.section, name).toMatch(/^(8\.2\.3|7|10)(\.\d+)*$/);
    }
  });

  test('pairs every 36-bit counter with an upper half of the same shape, which is no counter itself', () => {
    const pairs = table.filter(([, register]) => register.counter?.bits === 36);
    expect(pairs.map(([name]) => name)).toEqual(
      expect.arrayContaining(['GORCL', 'GOTCL', 'TORL', 'QBRC_L', 'QBTC_L', 'RXDGBCL', 'TXDGBCL']),
    );
    for (const [, low] of pairs) {
      const high = new Map(table).get(low.counter?.high ?? '');
      expect(high?.counter).toBeUndefined();
      expect(offsets(high as Register)).toEqual(offsets(low).map((offset) => offset + 4));
    }
  });

  test('clears counters when they are read', () => {
    for (const [name, register] of table) if (register.counter) expect(register.access, name).toBe('RC');
  });

  // Offsets as datasheet section 8.2.3 gives them, at the places where arrays are split or interleaved.
  test.each([
    [ixgbe.CTRL.at(0), 0x00000],
    [ixgbe.STATUS.at(0), 0x00008],
    [ixgbe.EICR.at(0), 0x00800],
    [ixgbe.EIMC_EXT.at(1), 0x00ab4],
    [ixgbe.EITR.at(23), 0x0087c],
    [ixgbe.EITR.at(24), 0x12300],
    [ixgbe.IVAR.at(63), 0x009fc],
    [ixgbe.RDBAL.at(0), 0x01000],
    [ixgbe.RDBAL.at(63), 0x01fc0],
    [ixgbe.RDBAL.at(64), 0x0d000],
    [ixgbe.RDT.at(127), 0x0dfd8],
    [ixgbe.SRRCTL.at(1), 0x01054],
    [ixgbe.DCA_RXCTRL.at(64), 0x0d00c],
    [ixgbe.RXDCTL.at(65), 0x0d068],
    [ixgbe.TDBAL.at(0), 0x06000],
    [ixgbe.TDT.at(127), 0x07fd8],
    [ixgbe.TXDCTL.at(2), 0x060a8],
    [ixgbe.RAH.at(127), 0x0a5fc],
    [ixgbe.MPSAR.at(255), 0x0a9fc],
    [ixgbe.MTA.at(127), 0x053fc],
    [ixgbe.FCRTH.at(7), 0x0327c],
    [ixgbe.RXPBSIZE.at(7), 0x03c1c],
    [ixgbe.TXPBTHRESH.at(1), 0x04954],
    [ixgbe.MPC.at(7), 0x03fbc],
    [ixgbe.QPRC.at(15), 0x013f0],
    [ixgbe.QPRDC.at(15), 0x017f0],
    [ixgbe.QPTC.at(15), 0x086bc],
    [ixgbe.QBTC_H.at(15), 0x0877c],
    [ixgbe.LINKS.at(0), 0x042a4],
    [ixgbe.SW_FW_SYNC.at(0), 0x10160],
    [ixgbe.PFMBMEM.at(1023), 0x13ffc],
  ])('case %#: offset %i', (actual, expected) => {
    expect(actual).toBe(expected);
  });

  test('has the field positions and reset values that initialisation depends on', () => {
    expect(ixgbe.CTRL.bits.RST.mask).toBe(1 << 26);
    expect(ixgbe.STATUS.bits.MASTER_ENABLE.mask).toBe(1 << 19);
    expect(ixgbe.RXDCTL.bits.ENABLE.mask).toBe(1 << 25);
    expect(ixgbe.TXDCTL.bits.WTHRESH).toEqual({ shift: 16, width: 7, mask: 0x7f0000 });
    expect(ixgbe.RDRXCTL.bits.RSCFRSTSIZE.mask).toBe(0x3e0000);
    expect(ixgbe.AUTOC.bits.LMS).toEqual({ shift: 13, width: 3, mask: 0xe000 });
    expect(ixgbe.RAH.bits.AV.mask).toBe(1 << 31);
    expect(ixgbe.MAXFRS.reset).toBe(1518 * 2 ** 16);
    expect(ixgbe.DMATXCTL.reset).toBe(0x81000000);
  });
});
