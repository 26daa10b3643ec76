/** The socket file that a server listens at. */
import { lstatSync, unlinkSync } from 'node:fs';
import { IxyError, systemErrorCode } from '../../errors.ts';
import { addon } from '../../native/addon.ts';

/** Clients that may wait to be accepted. */
const BACKLOG = 8;

/**
 * A non-blocking socket that listens at `path`, which it makes; what a server that was killed has left there is replaced.
 * Throws `ERR_DEVICE_BUSY` if another one is alive, `ERR_ARGUMENT` for a path that cannot be, `ERR_PERMISSION`, `ERR_SYSTEM`.
 */
export function listenAt(path: string): number {
  try {
    return addon().listen(path, BACKLOG);
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw explained(path, error);
  }
  if (!isAbandoned(path)) {
    throw new IxyError('ERR_DEVICE_BUSY', `${path}: another process listens there; choose another path`);
  }
  try {
    unlinkSync(path);
    return addon().listen(path, BACKLOG);
  } catch (error) {
    throw explained(path, error);
  }
}

/** Closes the socket and removes its file. Never throws. */
export function stopListening(path: string, descriptor: number): void {
  addon().close(descriptor);
  try {
    unlinkSync(path);
  } catch {
    // Somebody else has removed it.
  }
}

/** Whether nobody listens at a socket file any more. */
function isAbandoned(path: string): boolean {
  if (!lstatSync(path).isSocket()) {
    throw new IxyError('ERR_ARGUMENT', `${path} is there already, and is no socket; choose another path`);
  }
  try {
    addon().close(addon().connect(path));
    return false;
  } catch (error) {
    if (systemErrorCode(error) === 'ECONNREFUSED') return true;
    throw explained(path, error);
  }
}

function explained(path: string, cause: unknown): IxyError {
  if (cause instanceof IxyError) return cause;
  if (cause instanceof RangeError) {
    return new IxyError('ERR_ARGUMENT', `a socket's path has 1 to 107 bytes, found '${path}'`, { cause });
  }
  const denied = ['EACCES', 'EPERM'].includes(systemErrorCode(cause) ?? '');
  return new IxyError(denied ? 'ERR_PERMISSION' : 'ERR_SYSTEM', `${path}: no socket can be made there: ${cause}`, {
    cause,
  });
}
