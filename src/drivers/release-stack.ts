/** What a driver acquired step by step, to be given back in the opposite order. */
export class ReleaseStack {
  readonly #steps: (() => void)[] = [];

  /** `step` gives back what has just been acquired. */
  push(step: () => void): void {
    this.#steps.push(step);
  }

  /** Gives everything back, last first. A step that fails does not keep the rest; its error is thrown afterwards. Idempotent. */
  release(): void {
    const step = this.#steps.pop();
    if (!step) return;
    try {
      step();
    } finally {
      this.release();
    }
  }
}
