/** Long runs of register accesses made short enough to be read: one row for what happened to a register, or an array. */
import { extract } from '../../src/datasheet/registers.ts';
import { hexadecimal } from '../../src/hexadecimal.ts';
import { type Access, factsOf } from './access.ts';

export interface Row {
  /** In the order in which they came first: 'R', 'W', 'RW', 'WR'. */
  readonly access: string;
  /** 'RAL[1…127]'. */
  readonly register: string;
  /** What was written, or else read. */
  readonly value: string;
}

/** What stands for values that are another's business, or differ from run to run. */
export type Placeholders = ReadonlyMap<string, string>;

/** Arrays in which at most so many runs of equal values were written get a row for each; others get one row for all. */
const RUNS = 3;
/** At most so many values of a single register are shown, one after the other. */
const VALUES = 3;
/** Fields as wide as this hold addresses, types and lengths, for which large numbers are hexadecimal. */
const WIDE = 16;
const LARGE = 4096;

/** A row or more for each register, in the order of their first access. */
export function condense(accesses: readonly Access[], placeholders: Placeholders): Row[] {
  const registers = new Map<string, Access[]>();
  for (const access of accesses) {
    const all = registers.get(access.register);
    if (all) all.push(access);
    else registers.set(access.register, [access]);
  }
  return [...registers].flatMap(([name, all]) => condenseRegister(name, all, placeholders.get(name)));
}

function condenseRegister(name: string, all: readonly Access[], placeholder: string | undefined): Row[] {
  const access = [...new Set(all.map(({ write }) => (write ? 'W' : 'R')))].join('');
  const writes = all.filter(({ write }) => write);
  const row = (indices: readonly number[], value: string): Row => ({ access, register: place(name, indices), value });
  const touched = [...new Set(all.map(({ index }) => index))].sort((a, b) => a - b);
  if (placeholder !== undefined) return [row(touched, placeholder)];
  if (writes.length === 0) return [row(touched, sameValue(name, all) ?? '')];
  const runs = runsOf(writes);
  if (touched.length === 1) return [row(touched, history(name, writes))];
  if (runs.length <= RUNS) return runs.map(({ indices, value }) => row(indices, describe(name, value)));
  return [row(touched, ranges(name, writes))];
}

/** Neighbours in an array with the same last value. */
function runsOf(writes: readonly Access[]): { readonly indices: number[]; readonly value: number }[] {
  const last = new Map(writes.map(({ index, value }) => [index, value]));
  const runs: { indices: number[]; value: number }[] = [];
  for (const [index, value] of [...last].sort(([a], [b]) => a - b)) {
    const run = runs.at(-1);
    if (run?.value === value && run.indices.at(-1) === index - 1) run.indices.push(index);
    else runs.push({ indices: [index], value });
  }
  return runs;
}

/** The values of a single register, one after the other, as long as they are few; or that to which all bits add up. */
function history(name: string, writes: readonly Access[]): string {
  const values = writes.map(({ value }) => value).filter((value, i, all) => value !== all[i - 1]);
  if (values.length <= VALUES) return values.map((value) => describe(name, value)).join(', then ');
  const growing = values.every((value, i) => i === 0 || (values[i - 1] & ~value) === 0);
  return growing ? describe(name, values[values.length - 1]) : ranges(name, writes);
}

/** What many values have in common: each field's content, or its least and greatest one. */
function ranges(name: string, writes: readonly Access[]): string {
  const fields = Object.entries(factsOf(name).register?.bits ?? {});
  const parts = fields.flatMap(([field, bits]) => {
    const contents = writes.map(({ value }) => extract(bits, value));
    const [least, greatest] = [Math.min(...contents), Math.max(...contents)];
    if (greatest === 0) return [];
    const [from, to] = [least, greatest].map((content) => number(content, bits.width));
    return `${field}=${least === greatest ? from : `${from}…${to}`}`;
  });
  return parts.length > 0 ? parts.join(' ') : 'various';
}

function sameValue(name: string, reads: readonly Access[]): string | undefined {
  const [{ value }] = reads;
  return reads.every((read) => read.value === value) ? describe(name, value) : undefined;
}

/** '0', '0x00010000 NS_DIS=1'. */
export function describe(name: string, value: number): string {
  if (value === 0) return '0';
  const digits = hexadecimal(value, 8);
  if (value === 0xffff_ffff) return digits;
  const fields = Object.entries(factsOf(name).register?.bits ?? {})
    .map(([field, bits]) => ({ field, content: extract(bits, value), width: bits.width }))
    .filter(({ content }) => content !== 0)
    .map(({ field, content, width }) => `${field}=${number(content, width)}`);
  return [digits, ...fields].join(' ');
}

function number(content: number, width: number): string {
  return width >= WIDE && content >= LARGE ? hexadecimal(content) : String(content);
}

/** 'RAL[1…127]', 'RXDCTL[0, 2]'; a register that is no array has no places. */
function place(name: string, indices: readonly number[]): string {
  if ((factsOf(name).register?.length ?? 1) === 1) return name;
  const runs: [first: number, last: number][] = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run?.[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  return `${name}[${runs.map(([first, last]) => (first === last ? first : `${first}…${last}`)).join(', ')}]`;
}
