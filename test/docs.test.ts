/** The documentation says what the program says, and its links lead somewhere. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IXGBE_RULES, type RuleText, VIRTIO_NET_RULES } from '../src/emulation/index.ts';
import { PORT_SCHEMES, portHelpMarkdown } from '../src/ports/index.ts';
import { temporaryDirectory } from './support/process.ts';

const PAGES = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').map((name) => join('docs', name))];

/** What `npm run docs` would say of the pages in `directory`. */
function checkPages(directory: string): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, ['scripts/generate-docs.js', '--check', directory], { encoding: 'utf8' });
}

describe('generated pages', () => {
  it('are as fresh as the program', () => {
    expect(checkPages('docs')).toMatchObject({ status: 0, stderr: '' });
  });

  it.each<[string, Readonly<Record<string, RuleText>>]>([
    ['docs/emulation.md', IXGBE_RULES],
    ['docs/emulation-virtio.md', VIRTIO_NET_RULES],
  ])('hold every rule of strict mode: %s', (page, rules) => {
    const text = readFileSync(page, 'utf8');
    for (const [rule, { section, level }] of Object.entries(rules)) {
      expect(text).toContain(`| \`${rule}\` | ${section} | ${level} |`);
    }
  });

  it('hold every port with its parameters', () => {
    expect(readFileSync('docs/ports.md', 'utf8')).toContain(portHelpMarkdown(PORT_SCHEMES));
  });

  it('are found out when they go stale', () => {
    const copy = temporaryDirectory();
    const page = readFileSync('docs/emulation.md', 'utf8');
    writeFileSync(join(copy, 'emulation.md'), page.replace('| `rx.ring-base` |', '| `rx.ring-face` |'));
    const { status, stderr } = checkPages(copy);
    expect(status).toBe(1);
    expect(stderr).toBe('docs/emulation.md is stale; run: npm run docs\n');
  });
});

describe('links', () => {
  it.each(PAGES)('of %s lead somewhere', (page) => {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target);
    const local = links.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(resolve(dirname(page), target)))).toEqual([]);
  });
});

describe('the README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('begins with the two commands', () => {
    const [demo, test] = ['npm install && npm run demo', 'npm install && npm test'].map((text) => readme.indexOf(text));
    expect(demo).toBeGreaterThan(0);
    expect(test).toBeGreaterThan(demo);
    expect(test).toBeLessThan(readme.indexOf('\n## '));
  });

  it('names only tests and scripts that exist', () => {
    const files = [...readme.matchAll(/`((?:test|bench|src|scripts)\/[\w./-]+)`/g)].map(([, path]) => path);
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((path) => !existsSync(path))).toEqual([]);
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('shows the forwarder as it is', () => {
    const source = readFileSync('examples/forward.ts', 'utf8');
    expect(source).toContain(/```ts\n(.*?)```/s.exec(readme)?.[1] ?? 'no code in the README');
  });
});
