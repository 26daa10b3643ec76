/** The page «How Linux brings up an 82599», from what was recorded. */
import { factsOf } from './access.ts';
import { compare, type Difference, type Explained, explain, type Written } from './compare.ts';
import type { Row } from './condense.ts';
import { DIFFERENCES } from './differences.ts';
import { PHASES } from './phases/index.ts';
import type { Recorded, RecordedStep } from './recording.ts';
import type { Step } from './segment.ts';

/** Steps with fewer writes need not say how many: the rows show it. */
const MANY = 100;

const INTRODUCTION = `# How Linux brings up an 82599

This page is a recording. Linux's own driver, \`ixgbe\`, unmodified, in a stock Debian kernel, has an 82599 in a virtual
machine; the card is [emulated](emulation.md) and [served](serve.md), and writes down each access to its registers. Whoever
writes a driver can read here in which order another one does what, beside the datasheet (Intel 82599, revision 3.4) and
beside [ours](driver.md), with which it is [compared](#compared-with-ours) at the end. Nothing here comes from Linux's source:
what is done is the recording's, what it is for the datasheet's, in our own words.

Tens of thousands of accesses are condensed into steps. A row is what happened to a register, or to all of an array: R it was read,
W written, RW read and then written. Values are what was written, or read where nothing was written; fields are named unless
they are 0. Left out are

- **STATUS**, read behind writes that must have arrived before time passes: writes are posted, and a read pushes them ahead;
- **SWSM** and **SW_FW_SYNC**, the semaphores (10.5.4) that are taken and given back around each access to the EEPROM, the
  PHY, the I2C bus and the link's registers, which are shared with the other port and with firmware;
- reads of configuration space, most of which are the kernel's own;
- how often, and for how long, the driver waited: that is the emulated machine's. So only writes are counted.
`;

const COMPARISON = `## Compared with ours

[Our driver](driver.md) on the same card, with as many queues and descriptors: what it has written once the link is up, beside
what Linux has. Many differences are features that a kernel needs and a packet loop does not. Tails are left out: they move.`;

const KINDS = {
  linux: '### Written by Linux alone',
  ours: '### Written by ixy.ts alone',
  both: '### Written by both, but not the same',
} as const;

/** The whole page. `ours`: what our driver wrote. Throws if differences and their explanations do not match. */
export function linuxPage({ kernel, phases, written }: Recorded, ours: Written): string {
  const made =
    `Recorded with Linux ${kernel} and written by \`npm run docs:linux-ixgbe\`; the [judge](judge.md) records again and ` +
    'compares.';
  const steps = Object.entries(PHASES).map(([name, { title, command, about, steps }]) => {
    const writes = phases[name].reduce((sum, step) => sum + (step.writes ?? 0), 0);
    const size = writes >= MANY ? [`In all, it takes ${count(writes)}.`] : [];
    const taken = phases[name].map((step, i) => stepText(step, i + 1, steps));
    return [`## ${title}: \`${command}\``, [about, ...size].join(' '), ...taken].join('\n\n');
  });
  const explained = explain(compare(written, ours), DIFFERENCES);
  const tables = (['linux', 'ours', 'both'] as const).map((kind) => `${KINDS[kind]}\n\n${comparison(explained[kind])}`);
  return `${[`${INTRODUCTION}\n${made}`, ...steps, COMPARISON, ...tables].join('\n\n')}\n`;
}

function stepText({ title, writes = 0, rows }: RecordedStep, number: number, steps: readonly Step[]): string {
  const step = steps.find((one) => one.title === title);
  if (!step) throw new Error(`no step is called '${title}'; record again`);
  const why = writes >= MANY ? `${step.why} It takes ${count(writes)}.` : step.why;
  return [`### ${number}. ${title}`, why, ...(rows.length > 0 ? [rowTable(rows)] : [])].join('\n\n');
}

function count(writes: number): string {
  return `${writes.toLocaleString('en')} writes`;
}

function rowTable(rows: readonly Row[]): string {
  const lines = rows.map(({ access, register, value }) => {
    const { section, meaning } = factsOf(nameOf(register));
    return [access, `\`${register}\``, code(value), meaning, section];
  });
  return table([['', 'Register', 'Value', 'What it is', 'Section'], ...lines]);
}

function comparison(explained: readonly Explained[]): string {
  const lines = explained.map(({ why, differences }) => {
    const registers = differences.map(({ register }) => `\`${register}\` (${factsOf(register).section})`);
    const side = (values: (difference: Difference) => readonly string[]): string =>
      differences.flatMap((difference) => values(difference).map(written)).join('<br>') || '–';
    return [registers.join(', '), side(({ linux }) => linux), side(({ ours }) => ours), why];
  });
  return table([['Register', 'Linux', 'ixy.ts', 'Why'], ...lines]);
}

function table([head, ...lines]: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [row(head), `|${'---|'.repeat(head.length)}`, ...lines.map(row)].join('\n');
}

/** 'RXDCTL[0…1] 0x02000000 ENABLE=1', for people. */
function written(text: string): string {
  const [register, ...value] = text.split(/(?<=^[^ [\]]+(?:\[[^\]]*\])?) /);
  return `\`${register}\`: ${code(value.join(' '))}`;
}

function nameOf(register: string): string {
  return register.replace(/\[.*/, '');
}

/** Numbers and fields as code; words as they are. */
function code(value: string): string {
  if (!/^0|=/.test(value)) return value;
  return value
    .split(', then ')
    .map((part) => `\`${part}\``)
    .join(', then ');
}
