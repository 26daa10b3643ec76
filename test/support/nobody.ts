/** Processes of a user who may do nothing. */
import { spawnSync } from 'node:child_process';

/** Nobody's user and group. */
export const NOBODY = 65_534;

/** Undefined if this process may become nobody, and nobody may read `path`; else what is in the way. */
export function nobodyMayRead(path: string): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const probe = ['-e', `require('node:fs').accessSync(${JSON.stringify(path)})`];
  const { status } = spawnSync(process.execPath, probe, { uid: NOBODY, gid: NOBODY });
  return status === 0 ? undefined : `nobody may not read ${path}`;
}
