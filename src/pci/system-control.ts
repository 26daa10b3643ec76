/** What changes the machine: attributes in /sys, kernel modules, owners of files. A seam, so that tests change nothing. */
import { spawnSync } from 'node:child_process';
import { accessSync, chownSync, constants, writeFileSync } from 'node:fs';
import { errorMessage, IxyError, systemErrorCode } from '../errors.ts';

export interface SystemControl {
  /** Throws `ERR_PERMISSION` unless this process may write the attribute. Writes nothing. */
  checkWritable(path: string): void;
  /** Throws `ERR_PERMISSION`, `ERR_SYSTEM`. */
  write(path: string, value: string): void;
  /** Loads a kernel module, by its name or by a device's `modalias`. Throws `ERR_SYSTEM`. */
  loadModule(name: string): void;
  /** Waits until udev has done what it does to new files in /dev, or for a few seconds. */
  settle(): void;
  /** Throws `ERR_ARGUMENT` if there is no such user. */
  userId(name: string): number;
  /** Gives a file to a user; its group stays. Throws `ERR_PERMISSION`, `ERR_SYSTEM`. */
  giveTo(userId: number, path: string): void;
}

const SETTLE_SECONDS = 5;

/** Root's programs are there also when the path of who calls this leaves their directories out. */
const environment = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };

export const systemControl: SystemControl = {
  checkWritable: (path) => attempt(path, () => accessSync(path, constants.W_OK)),
  write: (path, value) => attempt(path, () => writeFileSync(path, value)),

  loadModule(name) {
    const { error, status, stderr } = run('modprobe', name);
    if (error) {
      throw new IxyError(
        'ERR_SYSTEM',
        `kernel module ${name} must be loaded, but modprobe cannot be run (${error.message}); install it (apt install kmod)`,
      );
    }
    if (status === 0) return;
    const reason = stderr.trim() || `exit status ${status}`;
    throw new IxyError('ERR_SYSTEM', `kernel module ${name} could not be loaded: ${reason}`);
  },

  // Where there is no udev, nobody changes the files.
  settle: () => void run('udevadm', 'settle', `--timeout=${SETTLE_SECONDS}`),

  userId(name) {
    const { status, stdout } = run('id', '-u', '--', name);
    if (status === 0) return Number(stdout);
    throw new IxyError('ERR_ARGUMENT', `'${name}' must be a user of this machine; 'getent passwd' lists them`);
  },

  giveTo: (userId, path) => attempt(path, () => chownSync(path, userId, -1)),
};

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { env: environment, encoding: 'utf8' });
}

function attempt(path: string, change: () => void): void {
  try {
    change();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === 'EACCES' || code === 'EPERM') {
      throw new IxyError('ERR_PERMISSION', `may not change ${path}; run as root`, { cause });
    }
    if (code === 'EROFS') {
      throw new IxyError('ERR_PERMISSION', `${path} is read-only here; run on the host, not in a container`, { cause });
    }
    throw new IxyError('ERR_SYSTEM', errorMessage(cause), { cause });
  }
}
