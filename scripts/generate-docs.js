// Writes the parts of docs/ that the program itself knows best: what stands between `<!-- generated: NAME -->` and
// `<!-- end -->`. With --check nothing is written, and a page that has gone stale is an error. Needs `npm run build`.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { IXGBE_RULES, PORT_SCHEMES, portHelpMarkdown, VIRTIO_NET_RULES } from '../dist/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Each section's text, by name. */
const sections = {
  ports: () => portHelpMarkdown(PORT_SCHEMES),
  rules: () => ruleTable(IXGBE_RULES),
  virtioRules: () => ruleTable(VIRTIO_NET_RULES),
  cli: () => {
    const list = /^Commands:\n(.*?)\n\n/ms.exec(help())?.[1] ?? '';
    const commands = [...list.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name).filter((name) => name !== 'help');
    const pages = ['', ...commands].map((name) => `## \`ixy${name && ` ${name}`}\`\n\n${codeBlock(help(name))}`);
    return pages.join('\n\n');
  },
};

function ruleTable(rules) {
  const rows = Object.entries(rules).map(
    ([rule, { section, level, message }]) => `| \`${rule}\` | ${section} | ${level} | ${message} |`,
  );
  return ['| Rule | Section | Level | What it says |', '|---|---|---|---|', ...rows].join('\n');
}

function help(command = '') {
  const words = command === '' ? ['--help'] : [command, '--help'];
  return execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), ...words], { encoding: 'utf8' });
}

function codeBlock(text) {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

function generated(page) {
  return page.replace(/(<!-- generated: (\w+) -->\n).*?(<!-- end -->)/gs, (_, begin, name, end) => {
    if (!(name in sections)) throw new Error(`no section is called '${name}'; there are ${Object.keys(sections)}`);
    return `${begin}\n${sections[name]()}\n\n${end}`;
  });
}

const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
const directory = positionals[0] ?? join(root, 'docs');
for (const name of readdirSync(directory).filter((file) => file.endsWith('.md'))) {
  const path = join(directory, name);
  const page = readFileSync(path, 'utf8');
  const fresh = generated(page);
  if (fresh === page) continue;
  if (values.check) {
    console.error(`docs/${name} is stale; run: npm run docs`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, fresh);
  }
}
