/** Waiting that blocks the thread. */

/** Nobody writes it: waiting for it to change is waiting. */
const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread, its timers and promises included, for so many milliseconds, or parts of one. */
export function nap(milliseconds: number): void {
  Atomics.wait(NEVER_NOTIFIED, 0, 0, milliseconds);
}
