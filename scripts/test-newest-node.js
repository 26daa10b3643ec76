// Runs the tests on the newest Node, which npm's `node` package brings; arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const prefix = `${root}build-newest-node`;

function run(command, parameters) {
  const { status, error } = spawnSync(command, parameters, { cwd: root, stdio: 'inherit' });
  if (error || status !== 0) process.exit(status ?? 1);
}

run('npm', ['install', '--silent', '--no-save', '--no-package-lock', '--prefix', prefix, 'node@latest']);
const node = `${prefix}/node_modules/node/bin/node`;
run(node, ['--version']);
run(node, ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]);
