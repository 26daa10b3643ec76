/** How much memory this process may lock, or pin for a device (Linux, getrlimit(2): RLIMIT_MEMLOCK; proc(5)). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The capability to lock without a limit (linux/capability.h). */
const CAP_IPC_LOCK = 14n;

interface LockLimit {
  /** Bytes; Infinity if there is no limit, or none for this process. */
  readonly limit: number;
  /** Bytes that count towards it already. */
  readonly locked: number;
}

/** `directory` is there for tests. */
export function lockLimit(directory = '/proc/self'): LockLimit {
  const status = readFileSync(join(directory, 'status'), 'utf8');
  const limits = readFileSync(join(directory, 'limits'), 'utf8');
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const soft = /^Max locked memory +(\d+)/m.exec(limits)?.[1];
  const unlimited = ((capabilities >> CAP_IPC_LOCK) & 1n) === 1n || soft === undefined;
  return {
    limit: unlimited ? Number.POSITIVE_INFINITY : Number(soft),
    locked: Number(/^VmLck:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024,
  };
}

/** What to do about a limit that is too low. */
export const RAISE_LOCK_LIMIT =
  'raise the limit (ulimit -l unlimited, or LimitMEMLOCK=infinity in a systemd unit), or run as root';
