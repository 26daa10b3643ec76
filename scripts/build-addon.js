// Builds the addon with the node-gyp that npm brings. Where the headers of the running Node lie beside it (distribution
// packages and official archives have them), they are used; node-gyp downloads them only where they do not.
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

const prefix = dirname(dirname(realpathSync(process.execPath)));
const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
const nodeGyp = process.env.npm_config_node_gyp;
const [command, first] = nodeGyp ? [process.execPath, [nodeGyp]] : ['node-gyp', []];
const { status, error } = spawnSync(command, [...first, 'rebuild', '--release', ...headers], { stdio: 'inherit' });
if (error || status !== 0) {
  console.error('ixy.ts: the addon could not be built; it needs g++, make and python3 (apt install g++ make python3)');
  process.exit(1);
}
