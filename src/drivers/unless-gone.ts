import { IxyError } from '../errors.ts';

/** What `access` returns; `otherwise` if it finds that the device is gone, of which the driver tells by itself. */
export function unlessGone<T>(access: () => T, otherwise: T): T {
  try {
    return access();
  } catch (error) {
    if (error instanceof IxyError && error.code === 'ERR_DEVICE_GONE') return otherwise;
    throw error;
  }
}
