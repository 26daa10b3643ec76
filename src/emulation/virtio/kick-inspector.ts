/**
 * Strict mode: does the driver notify the device if, and only if, the device wants it? Notifications and what suppresses
 * them pass each other on the way (virtio 1.2, section 2.7.7), so that only what no race explains is recorded.
 */
import type { QueueState } from './queue-state.ts';

/**
 * A notification comes right behind the buffers that it is about: later than this, in nanoseconds, and it was forgotten. A thread
 * that has to wait for a processor in between may well take a tenth of it.
 */
const FORGOTTEN = 2e9;

export class KickInspector {
  readonly #state: QueueState;
  #wanted = true;
  /** Since notifications are unwanted. */
  #kicks = 0;
  /** The next buffers need one. */
  #expecting = false;
  /** Since when buffers lie there without one. */
  #overdueSince = Number.POSITIVE_INFINITY;

  constructor(state: QueueState) {
    this.#state = state;
  }

  /** The device says what it wants; `expecting`: nothing was available after it had said so. */
  want(wanted: boolean, expecting: boolean): void {
    if (wanted !== this.#wanted) this.#kicks = 0;
    this.#wanted = wanted;
    this.#expecting = expecting;
  }

  kicked(): void {
    this.#expecting = false;
    this.#overdueSince = Number.POSITIVE_INFINITY;
    // The first may be on its way while the device changes its mind; who sends a second has not looked.
    if (!this.#wanted && ++this.#kicks > 1) {
      this.#state.record('queue.kick-unwanted', `${this.#kicks} since notifications are suppressed`);
    }
  }

  /** New buffers were seen. */
  available(): void {
    if (!this.#expecting) return;
    this.#expecting = false;
    this.#overdueSince = this.#state.context.timers.now;
  }

  /** Time has passed. */
  check(): void {
    if (this.#state.context.timers.now - this.#overdueSince < FORGOTTEN) return;
    this.#overdueSince = Number.POSITIVE_INFINITY;
    this.#state.record('queue.kick-missing', 'none came within 2 s');
  }
}
