/** The end of a thread, in order. */
import { nap } from './nap.ts';

const SETTLE_MILLISECONDS = 20;

/**
 * Waits, and blocks, until V8's compilers have most likely done what they were at: they run on threads of their own, and Node 20
 * aborts the whole process if one of them needs memory of a thread that has just ended.
 */
export function settle(): void {
  nap(SETTLE_MILLISECONDS);
}
