/** The package's entry for the modules of workers. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import * as everything from '../src/index.ts';
import * as forWorkers from '../src/worker.ts';

/** Modules that are there at run time when `file` is imported. */
function loadedBy(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  const source = readFileSync(join('src', file), 'utf8');
  for (const [, specifier] of source.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.{1,2}\/[^']+)';/gms)) {
    loadedBy(normalize(join(dirname(file), specifier)), loaded);
  }
  return loaded;
}

it('ixy.ts/worker has nothing that ixy.ts does not have', () => {
  const all: Readonly<Record<string, unknown>> = everything;
  const others = Object.entries(forWorkers).filter(([name, value]) => all[name] !== value);
  expect(others.map(([name]) => name)).toEqual([]);
  expect(forWorkers).toHaveProperty('PacketBatch');
});

it('ixy.ts/worker loads no drivers, and nothing that is emulated', () => {
  const folders = [...loadedBy('worker.ts')].map(dirname);
  expect(folders).toContain('apps');
  expect(folders.filter((folder) => /^(drivers|emulation|pci|ports)\b/.test(folder))).toEqual([]);
  expect([...loadedBy('index.ts')].map(dirname)).toContain('emulation');
});
