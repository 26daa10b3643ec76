/** Opening a device's files in sysfs, with errors that say what to do. */
import { closeSync, existsSync, fstatSync, openSync } from 'node:fs';
import { errorMessage, IxyError, systemErrorCode } from '../errors.ts';
import { addon } from '../native/addon.ts';

/** Descriptor of a file that can be read and written. Throws `ERR_PERMISSION`, or `ERR_SYSTEM`. */
export function openForWriting(address: string, path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    throw explainAccess(error, address, path);
  }
}

/** Descriptor of the file behind a BAR. Throws `ERR_ARGUMENT` if the device has none there, `ERR_PERMISSION`, `ERR_SYSTEM`. */
export function openResource(address: string, path: string): number {
  if (!existsSync(path)) {
    throw new IxyError('ERR_ARGUMENT', `${address}: the device has no such BAR: ${path} does not exist`);
  }
  return openForWriting(address, path);
}

/** Maps a whole memory BAR. Throws as `openResource`. */
export function mapResource(address: string, path: string): ArrayBuffer {
  const descriptor = openResource(address, path);
  try {
    return addon().mmap(descriptor, fstatSync(descriptor).size, 0, addon().constants.MAP_SHARED);
  } catch (error) {
    throw explainAccess(error, address, path);
  } finally {
    closeSync(descriptor);
  }
}

/** What a failure to open or map one of a device's files means. */
export function explainAccess(error: unknown, address: string, path: string): IxyError {
  const code = systemErrorCode(error);
  if (code === 'EACCES') {
    return new IxyError('ERR_PERMISSION', `${address}: may not write ${path}; run as root`, { cause: error });
  }
  if (code === 'EPERM') {
    return new IxyError(
      'ERR_PERMISSION',
      `${address}: the kernel lets nobody map ${path}; is it locked down (Secure Boot)? See /sys/kernel/security/lockdown`,
      { cause: error },
    );
  }
  return new IxyError('ERR_SYSTEM', `${address}: ${errorMessage(error)}`, { cause: error });
}
