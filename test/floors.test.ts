/** The house has floors, and a file imports only from its own floor and from those below. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** From the ground up. Folders on one floor do not know each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['native'],
  ['packets'],
  ['datasheet'],
  ['memory'],
  ['pci'],
  ['system'],
  ['drivers', 'emulation'],
  ['ports'],
  ['workers'],
  ['apps'],
  ['cli'],
  ['demo'],
];

/** Files in src/ itself lie below all floors, except the roof: what the package exports. */
const ROOF: readonly string[] = ['index.ts', 'worker.ts'];

/** Folders that stand on the ground alone, whatever floors are below them. */
const DETACHED: readonly string[] = ['packets'];

const SPECIFIER = /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*(['"])(\.{1,2}\/[^'"]+)\1/g;

/** Paths of the files that `source`, the text of `file`, imports; both relative to src/. */
function importsOf(file: string, source: string): string[] {
  return [...source.matchAll(SPECIFIER)].map((match) => normalize(join(dirname(file), match[2])));
}

/** 'pci' for 'pci/sysfs.ts', '' for a file in src/ itself. */
function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

/** What is wrong with an import; undefined if nothing is. */
function violation(file: string, target: string): string | undefined {
  const [from, to] = [folderOf(file), folderOf(target)];
  if (ROOF.includes(file) || target.startsWith('..')) return undefined;
  if (ROOF.includes(target)) return `${file} imports the roof`;
  if (from === to || to === '') return undefined;
  if (from === '') return `${file} is below all floors, but imports ${target}`;
  if (DETACHED.includes(from)) return `${file} imports ${target}, but ${from}/ stands alone`;
  const [low, high] = [to, from].map((folder) => FLOORS.findIndex((floor) => floor.includes(folder)));
  if (low === high) return `${file} imports ${target} on its own floor`;
  return low < high ? undefined : `${file} imports upwards: ${target}`;
}

const root = new URL('../src/', import.meta.url).pathname;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

describe('the floors', () => {
  it('every folder has its floor', () => {
    const folders = new Set(files.map(folderOf).filter((folder) => folder !== ''));
    expect([...folders].filter((folder) => !FLOORS.flat().includes(folder))).toEqual([]);
  });

  it('no file imports upwards, or a folder beside its own', () => {
    const violations = files.flatMap((file) =>
      importsOf(file, readFileSync(join(root, file), 'utf8')).map((target) => violation(file, target)),
    );
    expect(violations.filter((found) => found !== undefined)).toEqual([]);
  });

  it('the rule itself tells right from wrong', () => {
    expect(violation('drivers/ixgbe/link.ts', 'pci/pci-device.ts')).toBeUndefined();
    expect(violation('packets/ipv4.ts', 'errors.ts')).toBeUndefined();
    expect(violation('index.ts', 'ports/open.ts')).toBeUndefined();
    for (const [file, target] of [
      ['drivers/ixgbe/link.ts', 'emulation/wire.ts'],
      ['emulation/wire.ts', 'drivers/net-device.ts'],
      ['memory/dma-heap.ts', 'pci/pci-device.ts'],
      ['packets/ipv4.ts', 'native/addon.ts'],
      ['errors.ts', 'native/addon.ts'],
      ['pci/sysfs.ts', 'index.ts'],
    ] as const) {
      expect(violation(file, target)).toBeTypeOf('string');
    }
  });

  it('imports of every kind are seen', () => {
    const source = `import './a.ts'; import type { B } from '../b.ts'; export * from "./c.ts";
      const d = await import('./d.ts'); new Worker(new URL('./e.ts', import.meta.url)); import fs from 'node:fs';`;
    expect(importsOf('pci/x.ts', source)).toEqual(['pci/a.ts', 'b.ts', 'pci/c.ts', 'pci/d.ts', 'pci/e.ts']);
  });
});
