/** The page about Linux's driver: how accesses become steps and rows, and that the page is as fresh as what it is made of. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Access } from '../../scripts/linux-ixgbe/access.ts';
import { compare, explain, lastWrites } from '../../scripts/linux-ixgbe/compare.ts';
import { condense } from '../../scripts/linux-ixgbe/condense.ts';
import { ownDriverWrites } from '../../scripts/linux-ixgbe/own-driver.ts';
import { linuxPage } from '../../scripts/linux-ixgbe/page.ts';
import recorded from '../../scripts/linux-ixgbe/recorded.json' with { type: 'json' };
import { type Step, segment } from '../../scripts/linux-ixgbe/segment.ts';

const NONE = new Map<string, string>();
const read = (register: string, value = 0, index = 0): Access => ({ write: false, register, index, value });
const write = (register: string, value = 0, index = 0): Access => ({ write: true, register, index, value });
const rows = (...accesses: Access[]): string[] =>
  condense(accesses, NONE).map(({ access, register, value }) => `${access} ${register} ${value}`.trim());

describe('condensed accesses', () => {
  it('tell how often and in which order nothing, but what was written in the end', () => {
    expect(rows(read('RXCTRL'), write('RXCTRL', 1), read('RXCTRL', 1))).toEqual(['RW RXCTRL 0x00000001 RXEN=1']);
    expect(rows(write('CTRL', 4), read('CTRL', 4), read('CTRL'))).toEqual(['WR CTRL 0x00000004 MASTER_DISABLE=1']);
  });

  it('tell what was read where nothing was written, unless it changed', () => {
    expect(rows(read('LINKS', 1 << 30), read('LINKS', 1 << 30))).toEqual(['R LINKS 0x40000000 LINK_UP=1']);
    expect(rows(read('LINKS'), read('LINKS', 1 << 30))).toEqual(['R LINKS']);
  });

  it('put neighbours of one value together, in arrays', () => {
    const table = [write('MTA', 0x10000), ...[1, 2, 3, 5].map((index) => write('MTA', 0, index))];
    expect(rows(...table)).toEqual(['W MTA[0] 0x00010000', 'W MTA[1…3] 0', 'W MTA[5] 0']);
  });

  it('give the range of fields where values are many', () => {
    const indices = Array.from({ length: 64 }, (_, i) => write('IPSTXIDX', 0x8000_0000 + (i << 3)));
    expect(rows(...indices)).toEqual(['W IPSTXIDX SA_IDX=0…63 WRITE=1']);
    expect(rows(...[1, 2, 3, 4].map((n) => write('FDIRHKEY', n)))).toEqual(['W FDIRHKEY various']);
  });

  it('give few values of a register one after the other, and the last one of those that grow', () => {
    expect(rows(write('SECRXCTRL', 3), write('SECRXCTRL', 3), write('SECRXCTRL', 1))).toEqual([
      'W SECRXCTRL 0x00000003 SECRX_DIS=1 RX_DIS=1, then 0x00000001 SECRX_DIS=1',
    ]);
    const growing = [0x80, 0x8080, 0x81_8080, 0x8181_8080].map((value) => write('IVAR', value));
    expect(rows(...growing)).toEqual([expect.stringMatching(/^W IVAR\[0\] 0x81818080 INT_ALLOC_VAL0=1 [^,…]*$/)]);
  });

  it('replace what is another in each run', () => {
    const [row] = condense([write('RSSRK', 1), write('RSSRK', 2, 1)], new Map([['RSSRK', 'a key']]));
    expect(row).toEqual({ access: 'W', register: 'RSSRK[0…1]', value: 'a key' });
  });

  it('hold each register once at least, in the order of first accesses', () => {
    const registers = ['CTRL', 'RAL', 'RETA', 'EERD', 'MTA'];
    const access = fc.record({
      write: fc.boolean(),
      register: fc.constantFrom(...registers),
      index: fc.constant(0),
      value: fc.nat({ max: 0xffff_ffff }),
    });
    fc.assert(
      fc.property(fc.array(access), (accesses) => {
        const names = condense(accesses, NONE).map(({ register }) => register.replace(/\[.*/, ''));
        expect(names).toEqual([...new Set(accesses.map(({ register }) => register))]);
      }),
    );
  });
});

describe('steps', () => {
  const stop: Step = { title: 'stop', why: '', registers: ['RXCTRL', 'CTRL'] };
  const reset: Step = { title: 'reset', why: '', registers: ['CTRL', 'EEC'] };
  const filters: Step = { title: 'filters', why: '', registers: ['FCTRL', 'RXCTRL'], comes: 'repeatedly' };
  const interrupt: Step = { title: 'interrupt', why: '', registers: ['EICR'], comes: 'meanwhile' };
  const titles = (...names: string[]): string[] =>
    segment(
      names.map((name) => read(name)),
      [stop, reset, filters, interrupt],
    ).map(({ step, accesses }) => `${step.title} ${accesses.map(({ register }) => register).join(' ')}`);

  it('go on as long as they know the registers', () => {
    expect(titles('RXCTRL', 'CTRL', 'EEC', 'CTRL')).toEqual(['stop RXCTRL CTRL', 'reset EEC CTRL']);
  });

  it('are resumed after what comes in between, which is collected', () => {
    expect(titles('RXCTRL', 'FCTRL', 'RXCTRL', 'CTRL', 'EICR', 'CTRL', 'FCTRL')).toEqual([
      'stop RXCTRL CTRL CTRL',
      'filters FCTRL RXCTRL FCTRL',
      'interrupt EICR',
    ]);
  });

  it('must know every register, in their turn', () => {
    expect(() => titles('EEC', 'TDT')).toThrow("no step after 'reset' reads TDT");
    expect(() => titles('EEC', 'RXCTRL')).not.toThrow(); // it may be the filters
    expect(() => segment([read('EEC'), read('RXCTRL')], [stop, reset])).toThrow('reads RXCTRL');
  });
});

describe('differences', () => {
  const linux = lastWrites([write('CTRL', 4), write('RAL', 1, 1), write('RAL', 0, 0), write('WUS', 1)], NONE);
  const ours = lastWrites([write('CTRL', 8), write('CTRL', 4), write('RAL', 1, 1), write('FTQF')], NONE);
  const [ral, wus, ftqf] = compare(linux, ours);

  it('are those of last writes', () => {
    expect(compare(linux, linux)).toEqual([]);
    expect(ral).toMatchObject({ register: 'RAL', kind: 'both', linux: ['RAL[0] 0', 'RAL[1] 0x00000001'] });
    expect(wus).toMatchObject({ register: 'WUS', kind: 'linux', ours: [] });
    expect(ftqf).toMatchObject({ register: 'FTQF', kind: 'ours', linux: [] });
    expect(compare(linux, ours)).toHaveLength(3);
  });

  it('need an explanation each, which needs a difference', () => {
    const why = 'because';
    const all = { linux: [{ registers: ['WUS'], why }], ours: [{ registers: ['FTQF'], why }], both: [] };
    expect(() => explain([ral, wus, ftqf], all)).toThrow('differences without an explanation: RAL (both)');
    expect(() => explain([wus], all)).toThrow('an explanation, but no difference (ours): FTQF');
    expect(explain([ftqf, wus], all)).toEqual({
      linux: [{ why, differences: [wus] }],
      ours: [{ why, differences: [ftqf] }],
      both: [],
    });
  });
});

describe('the page', () => {
  it('is what was recorded beside what our driver does; else run: npm run docs:linux-ixgbe', async () => {
    expect(readFileSync('docs/linux-ixgbe.md', 'utf8')).toBe(linuxPage(recorded, await ownDriverWrites()));
  });
});
