/** The end of a thread, in order. */

const SETTLE_MILLISECONDS = 20;
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits, and blocks, until V8's compilers have most likely done what they were at: they run on threads of their own, and Node 20
 * aborts the whole process if one of them needs memory of a thread that has just ended.
 */
export function settle(): void {
  Atomics.wait(NEVER_NOTIFIED, 0, 0, SETTLE_MILLISECONDS);
}
